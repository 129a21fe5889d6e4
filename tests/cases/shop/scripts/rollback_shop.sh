#!/usr/bin/env bash
# Takes the release out of its slot again.
set -euo pipefail
python="$1" environment="$2" release="$3"
"$python" -S service/slot.py stop "$environment" "$GONOGO_SLOT"
echo "took $release out of $environment, slot $GONOGO_SLOT"
