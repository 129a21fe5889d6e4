#!/bin/sh
# Builds a real Kubernetes API server and controller manager from Debian's source package and puts them, with etcd, into
# the folder named as first argument. No package ships these two as programs. Ten to thirty minutes of work, once; 2.5 GB while it builds.
# Only as root on a Debian machine, because build dependencies are installed.
set -eu
into="${1:?the folder that gets kube-apiserver, kube-controller-manager and etcd}"
mkdir -p "$into"
into="$(cd "$into" && pwd)"
if [ -x "$into/kube-apiserver" ] && [ -x "$into/kube-controller-manager" ] && [ -x "$into/etcd" ]; then exit 0; fi
[ "$(id -u)" = "0" ] || { echo "kubernetes_server.sh: building needs root, for its build dependencies" >&2; exit 2; }
# No installed program may start a server by itself.
if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d; fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
# The source lines stand beside the machine's own: its configuration is not changed.
printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\ndeb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main\n' > "$work/sources.list"
apt-get update -qq >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-1.19-go golang-github-modern-go-reflect2-dev rsync etcd-server dpkg-dev >/dev/null
sources="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists -o APT::Sandbox::User=root"
# shellcheck disable=SC2086
(cd "$work" && apt-get $sources update -qq >/dev/null && apt-get $sources source -qq kubernetes >/dev/null)
cd "$work"/kubernetes-*/
# The copy of reflect2 in this source is older than Go 1.18 and crashes the server at the first custom resource.
rm -f vendor/github.com/modern-go/reflect2/*.go vendor/github.com/modern-go/reflect2/*.s
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.go /usr/share/gocode/src/github.com/modern-go/reflect2/*.s vendor/github.com/modern-go/reflect2/
mkdir -p .go/src/k8s.io && ln -s ../../.. .go/src/k8s.io/kubernetes
export GOPATH="$PWD/.go" PATH="/usr/lib/go-1.19/bin:$PATH" CGO_ENABLED=0 GOFLAGS= GOPROXY=off GO111MODULE=auto GOCACHE="$work/cache"
nice -n 15 make WHAT="cmd/kube-apiserver cmd/kube-controller-manager" KUBE_GIT_TREE_STATE=clean KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
cp _output/bin/kube-apiserver _output/bin/kube-controller-manager "$into/"
cp /usr/bin/etcd "$into/etcd"
echo "built: $into"
