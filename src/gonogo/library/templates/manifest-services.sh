#!/usr/bin/env bash
# Writes releases/VERSION/release-manifest.json for all services of @SERVICE@, in the order of `services` in gonogo.yaml:
#   bash scripts/manifest_@SERVICE@.sh VERSION NAME=ARTIFACT...
# The digest of this manifest is what people sign: a changed artifact is another release.
set -euo pipefail

version=${1:?the version}
shift
[ $# -gt 0 ] || { echo "name the services with their files: NAME=ARTIFACT..." >&2; exit 2; }
rows=""
for pair in "$@"; do
  name=${pair%%=*} artifact=${pair#*=}
  [ "$name" != "$pair" ] || { echo "not NAME=ARTIFACT: $pair" >&2; exit 2; }
  digest=$( (sha256sum "$artifact" 2>/dev/null || shasum -a 256 "$artifact") | cut -d ' ' -f 1)
  rows="$rows${rows:+,
}    {
      \"name\": \"$name\",
      \"artifact\": \"$artifact\",
      \"digest\": \"$digest\",
      \"version\": \"$version\",
      \"owner\": \"@PERSON@\",
      \"rollback\": \"scripts/rollback_@SERVICE@.sh\",
      \"depends_on\": []
    }"
done
mkdir -p "releases/$version"
cat > "releases/$version/release-manifest.json" <<JSON
{
  "release": {"id": "@SERVICE@-$version", "version": "$version"},
  "services": [
$rows
  ],
  "changes": []
}
JSON
echo "releases/$version/release-manifest.json names $# services"
