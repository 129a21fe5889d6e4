#!/usr/bin/env bash
# Writes releases/VERSION/release-manifest.json for one artifact of @SERVICE@:
#   bash scripts/manifest_@SERVICE@.sh VERSION ARTIFACT
# The digest of this manifest is what people sign: a changed artifact is another release.
set -euo pipefail

version=${1:?the version} artifact=${2:?the file to ship}
digest=$( (sha256sum "$artifact" 2>/dev/null || shasum -a 256 "$artifact") | cut -d ' ' -f 1)
mkdir -p "releases/$version"
cat > "releases/$version/release-manifest.json" <<JSON
{
  "release": {"id": "@SERVICE@-$version", "version": "$version"},
  "services": [
    {
      "name": "@SERVICE@",
      "artifact": "$artifact",
      "digest": "$digest",
      "version": "$version",
      "owner": "@PERSON@",
      "rollback": "scripts/rollback_@SERVICE@.sh",
      "depends_on": []
    }
  ],
  "changes": []
}
JSON
echo "releases/$version/release-manifest.json names $artifact, sha256 $digest"
