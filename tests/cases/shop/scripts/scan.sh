#!/usr/bin/env bash
# Scans the service and leaves the report in GONOGO_OUT.
set -euo pipefail
exec "$1" -S scripts/scan.py
