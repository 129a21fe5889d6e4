#!/usr/bin/env bash
# Puts a release into the slot that gets no traffic.
set -euo pipefail
python="$1" environment="$2" release="$3"
echo "signing in with ${DEPLOY_TOKEN}"
"$python" -S service/slot.py start "$environment" "$GONOGO_SLOT" "${GONOGO_URL##*:}" "releases/$release/app.json"
echo "deployed $release to $environment, slot $GONOGO_SLOT"
