#!/usr/bin/env bash
# Takes one release of @SERVICE@ away again@BACK@. gonogo calls it with
#   --env ENVIRONMENT --release VERSION@USAGE@ [--dry-run]
# and in its environment
@TOLD@#   GONOGO_PREVIOUS_RELEASE  what has to serve afterwards       GONOGO_OUT        folder for files to keep as evidence
# Exit status 0 says that the old state is back; gonogo then asks @ASKEDBACK@ itself.
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
  echo "would take back @WHAT@ @SHOWN@ of $environment"
  exit 0
fi

@BEFORE@# EDIT-ME: stop @WHAT@ @WHERE@ of $environment and undo what it changed; then delete the next two lines
echo "write me: $0 rolls nothing back yet" >&2
exit 1
