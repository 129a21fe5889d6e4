/* A disk that fails on demand, for tests: put before the C library by LD_PRELOAD.
 *
 * FAULTY_PATH   only files whose path holds this text
 * FAULTY_SYNC   fsync and fdatasync: `eio`, or `slow` (0.3 s)
 * FAULTY_WRITE  writes: `enospc` or `eio`
 * FAULTY_OPEN   opening for writing: `erofs`
 * FAULTY_AFTER  so many calls go well first
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int passed = 0;

static int meant(const char *path) {
    const char *wanted = getenv("FAULTY_PATH");
    return wanted != NULL && path != NULL && strstr(path, wanted) != NULL;
}

static int meant_file(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return meant(path);
}

static int struck(void) {
    const char *after = getenv("FAULTY_AFTER");
    return passed++ >= (after ? atoi(after) : 0);
}

static int sync_fault(int file) {
    const char *how = getenv("FAULTY_SYNC");
    if (how == NULL || !meant_file(file) || !struck()) return 0;
    if (strcmp(how, "slow") == 0) { usleep(300000); return 0; }
    errno = EIO;
    return -1;
}

static int write_fault(int file) {
    const char *how = getenv("FAULTY_WRITE");
    if (how == NULL || !meant_file(file) || !struck()) return 0;
    errno = strcmp(how, "enospc") == 0 ? ENOSPC : EIO;
    return -1;
}

int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return sync_fault(file) ? -1 : real(file);
}

int fdatasync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return sync_fault(file) ? -1 : real(file);
}

ssize_t write(int file, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    return write_fault(file) ? -1 : real(file, data, size);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    return write_fault(file) ? -1 : real(file, data, size, at);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    return write_fault(file) ? -1 : real(file, data, size, at);
}

static int open_fault(const char *path, int flags) {
    if (getenv("FAULTY_OPEN") == NULL || !meant(path) || (flags & O_ACCMODE) == O_RDONLY) return 0;
    errno = EROFS;
    return -1;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    int (*real)(const char *, int, mode_t) = dlsym(RTLD_NEXT, "open64");
    return open_fault(path, flags) ? -1 : real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    int (*real)(const char *, int, mode_t) = dlsym(RTLD_NEXT, "open");
    return open_fault(path, flags) ? -1 : real(path, flags, mode);
}
