#!/usr/bin/env bash
# Takes a release of the demo service out of one slot and puts the previous one back.
#
#   bash scripts/rollback_web.sh --env ENVIRONMENT --release RELEASE [--dry-run]
#
# RELEASE is the one that is withdrawn; GONOGO_PREVIOUS_RELEASE the one to go back to: never guessed, so it must be set.
# Further environment: GONOGO_SLOT, GONOGO_FENCE, GONOGO_EFFECT, GONOGO_OUT, DEMO_WORLD, DEMO_RECORD, DEMO_PYTHON.
# Every real execution adds one line to the record, before anything is done.
set -euo pipefail

fail() { printf 'rollback_web.sh: %s\n' "$1" >&2; exit 64; }

project=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
environment='' release='' dry_run=no
while [ "$#" -gt 0 ]; do
  case "$1" in
    --env) [ "$#" -ge 2 ] || fail '--env needs a value'; environment=$2; shift 2 ;;
    --release) [ "$#" -ge 2 ] || fail '--release needs a value'; release=$2; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    *) fail "unknown argument: $1" ;;
  esac
done
[ -n "$environment" ] || fail '--env is missing'
[ -n "$release" ] || fail '--release is missing'
previous=${GONOGO_PREVIOUS_RELEASE:-}
[ -n "$previous" ] || fail 'GONOGO_PREVIOUS_RELEASE is not set: there is nothing to go back to'

case "$previous" in .* | *[!A-Za-z0-9.-]*) fail "not the name of a release: $previous" ;; esac
artifact="$project/releases/$previous/app.json"
[ -f "$artifact" ] || fail "there is no artifact $artifact"
slot=${GONOGO_SLOT:-}
if [ "$dry_run" = yes ]; then
  printf 'dry run: would put %s back in place of %s in %s, slot %s; nothing was changed\n' \
    "$previous" "$release" "$environment" "${slot:-the only one}"
  exit 0
fi

export DEMO_WORLD=${DEMO_WORLD:-$project/.demo/world.json}
record=${DEMO_RECORD:-$project/.demo/record.tsv}
python=${DEMO_PYTHON:-}
if [ -z "$python" ] && [ -f "$project/.demo/python" ]; then python=$(cat -- "$project/.demo/python"); fi

printf '%s\trollback\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$environment" "$previous" \
  "${slot:--}" "${GONOGO_EFFECT:--}" "${GONOGO_FENCE:--}" "$$" >>"$record"

arguments=(--env "$environment" --release "$previous")
[ -z "$slot" ] || arguments+=(--slot "$slot")
[ -z "${GONOGO_FENCE:-}" ] || arguments+=(--fence "$GONOGO_FENCE")
result=$("${python:-python3}" -m gonogo.demo.world start "${arguments[@]}")
printf '%s\n' "$result"
if [ -n "${GONOGO_OUT:-}" ]; then printf '%s\n' "$result" >"$GONOGO_OUT/rollback.json"; fi
