#!/usr/bin/env bash
# Installs one release of @SERVICE@ @TARGET@. gonogo calls it with
#   --env ENVIRONMENT --release VERSION@USAGE@ [--dry-run]
# and in its environment
@TOLD@#   GONOGO_RELEASE_DIGEST    SHA-256 of the release manifest    GONOGO_OUT        folder for files to keep as evidence
#   GONOGO_PREVIOUS_RELEASE  what serves now                    GONOGO_FENCE      rises with each holder of the place
# Exit status 0 says that the release is installed; gonogo then asks @ASKED@ itself.
# @MOVES@
set -euo pipefail

environment="" release="" @VARIABLES@dry_run=no
while [ $# -gt 0 ]; do
  case "$1" in
    --env) environment=${2:?--env needs a value}; shift 2 ;;
    --release) release=${2:?--release needs a value}; shift 2 ;;
@OPTIONS@    --dry-run) dry_run=yes; shift ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
done
: "${environment:?--env is missing}" "${release:?--release is missing}"@NEEDED@
@SLOT@
if [ "$dry_run" = yes ]; then
  echo "would install @WHAT@ @SHOWN@ of $environment"
  exit 0
fi

@BEFORE@# EDIT-ME: install @WHAT@ @WHERE@ of $environment and start it there; then delete the next two lines
echo "write me: $0 installs nothing yet" >&2
exit 1
