#!/usr/bin/env bash
# Installs one release of @SERVICE@ where no traffic goes. gonogo calls it with
#   --env ENVIRONMENT --release VERSION [--dry-run]
# and in its environment
#   GONOGO_SLOT              the idle slot to install in        GONOGO_URL        its address
#   GONOGO_RELEASE_DIGEST    SHA-256 of the release manifest    GONOGO_OUT        folder for files to keep as evidence
#   GONOGO_PREVIOUS_RELEASE  what serves now                    GONOGO_FENCE      rises with each holder of the place
# Exit status 0 says that the release is installed; gonogo then asks the slot itself. It moves the traffic, not this.
set -euo pipefail

environment="" release="" dry_run=no
while [ $# -gt 0 ]; do
  case "$1" in
    --env) environment=${2:?--env needs a value}; shift 2 ;;
    --release) release=${2:?--release needs a value}; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
done
: "${environment:?--env is missing}" "${release:?--release is missing}"
slot=${GONOGO_SLOT:-}

if [ "$dry_run" = yes ]; then
  echo "would install $release in slot ${slot:-?} of $environment"
  exit 0
fi

# EDIT-ME: install $release in $slot of $environment and start it there; then delete the next two lines
echo "write me: $0 installs nothing yet" >&2
exit 1
