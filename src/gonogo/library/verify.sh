#!/bin/sh
# Checks the form of a gonogo package with stock tools: unzip, coreutils, sed, awk, ssh-keygen (9.1 or later), openssl.
# Usage: verify.sh PACKAGE ALLOWED_SIGNERS VKEY ENVIRONMENT   (VKEY: key line of the log; revoked_keys beside the signers)
# Exit: 0 the form is sound, 2 refused, 64 usage. Expiry, quorum, roles, device flags and Merkle roots: see verify.py.
set -eu
export LC_ALL=C
[ $# -eq 4 ] || { sed -n 2,4p "$0" >&2; exit 64; }
path() { case $1 in /*) printf %s "$1" ;; *) printf %s "$PWD/$1" ;; esac; }
Z=$(path "$1") T=$(path "$2") V=$3 E=$4 W=$(mktemp -d)
R=$(dirname "$T")/revoked_keys; [ -f "$R" ] || R=; trap 'rm -rf "$W"' EXIT
no() { echo "REFUSED: $*"; exit 2; }
hash() { sha256sum | cut -c1-64; }
{ [ -f "$Z" ] && [ -f "$T" ]; } || no "the package or the allowed signers are not there"
names=$(unzip -Z1 "$Z" 2>&1) || no "unzip cannot list it"
[ -z "$(echo "$names" | sort -f | uniq -di)" ] || no "a name occurs twice"
echo "$names" | grep -qvE '^([A-Za-z0-9_][A-Za-z0-9._-]*/){0,8}[A-Za-z0-9_][A-Za-z0-9._-]*$' && no "a name is unsound"
[ "$(unzip -l "$Z" | tail -n 1 | awk '{print ($1 > 17179869184)}')" = 0 ] || no "it is too large"
[ -z "$(unzip -tqq "$Z" 2>&1)" ] || no "unzip finds it damaged"
mkdir "$W/x" "$W/s" && unzip -qq "$Z" -d "$W/x" && cd "$W/x"
[ -z "$(find . ! -type f ! -type d)" ] || no "it holds more than files"
find . -type f | sed 's|^\./||' | grep -vxE 'SHA256SUMS|seal\.(json|json\.sig|dsse\.json)' | sort > "$W/here"
cut -c67- SHA256SUMS | diff -q - "$W/here" > /dev/null || no "files and list differ"
sha256sum -c --strict --quiet SHA256SUMS EVIDENCE.SHA256SUMS > /dev/null 2>&1 || no "a file was changed"
who=$(ssh-keygen -Y find-principals -s seal.json.sig -f "$T" < seal.json 2> /dev/null) || no "an unknown key sealed it"
case $who in engine:*) ;; *) no "no engine sealed it" ;; esac
good() { ssh-keygen -Y verify -f "$T" -I "$1" -n "$2" -s "$3" ${R:+-r "$R"} -O verify-time="$4" < "$5" > /dev/null 2>&1; }
good "$who" "gonogo/seal/v1/$E" seal.json.sig "$(date -u +%Y%m%d%H%M%SZ)" seal.json || no "the seal is wrong"
grep -q "\"sha256\": \"$(hash < SHA256SUMS)\"" seal.json || no "the seal is about another list"
printf '%s\n' "$V" | grep -qE '^[^ +]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$' || no "the log key is not a vkey"
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf %s "${V#*+*+}" | base64 -d | tail -c32; } > "$W/e.der"
signed() { openssl pkeyutl -verify -pubin -keyform DER -inkey "$W/e.der" -rawin -in "$1" -sigfile "$2" > /dev/null 2>&1; }
sed '/^$/,$d' log/checkpoint > "$W/note"
grep "^— ${V%%+*} " log/checkpoint | awk '{print $3}' | base64 -d | tail -c64 > "$W/note.sig"
signed "$W/note" "$W/note.sig" || no "the checkpoint is not signed by the log's key"
sed -n 's/^ "payload": "\(.*\)",$/\1/p' seal.dsse.json | base64 -d | cmp -s - seal.json || no "the envelope holds another seal"
sed -n 's/^   "sig": "\(.*\)"$/\1/p' seal.dsse.json | base64 -d > "$W/d.sig"
{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < seal.json)"; cat seal.json; } > "$W/pae"
signed "$W/pae" "$W/d.sig" || no "the envelope is not signed by the engine"
[ "$(wc -l < log/log.jsonl)" = "$(sed -n 2p log/checkpoint)" ] || no "the log has another length than its checkpoint"
(cd "$W/s" && split -l1 -a7 -d "$W/x/log/log.jsonl" && sha256sum x* | cut -c1-64) > "$W/digests"
{ printf '%064d\n' 0; sed '$d' "$W/digests"; } > "$W/before"
sed 's/.*,"prev":"\([0-9a-f]*\)","seq".*/\1/' log/log.jsonl | diff -q - "$W/before" > /dev/null || no "the log is not a chain"
grep -q "\"head\": \"$(tail -n 1 "$W/digests")\"" seal.json || no "the seal is about another log"
recorded=$(grep -c '"type":"approval.recorded","v":1}$' log/log.jsonl || true)
[ "$(find approvals -name '*.sig' 2> /dev/null | wc -l)" = "$recorded" ] || no "a recorded statement is not here"
word() { sed -n "/^  \"$2\": {/,/^  }/s/^   \"$3\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$1"; }
for s in $(find approvals -name '*.sig' 2> /dev/null | sort); do
  a=${s%.sig} d=${s%/*} kind=$(sed -n 's/^ "predicateType": "urn:gonogo:predicate:\([a-z-]*\):v1",$/\1/p' "${s%.sig}")
  at=$(grep -F "\"statement_sha256\":\"$(hash < "$a")\"" log/log.jsonl | sed -n 's/.*"ts":"\([^.]*\)\..*/\1Z/p' | tr -d ':T-')
  [ -n "$at" ] || no "$a is not recorded in the log"
  for p in "$(word "$a" signer person)" "role:$(word "$a" signer role)"; do
    good "$p" "gonogo/$kind/v1/$E" "$s" "$at" "$a" || no "$s does not verify for $p"
  done
  list=$(awk '/"sha256":/ {split($0, q, "\""); h = q[4]} /^   "name": "EVIDENCE.SHA256SUMS"/ {print h}' "$a")
  [ "$list" = "$(hash < "$d/EVIDENCE.SHA256SUMS")" ] || no "$a is about another evidence list"
  [ -z "$(grep -vxFf EVIDENCE.SHA256SUMS "$d/EVIDENCE.SHA256SUMS")" ] || no "evidence changed since $a"
  [ "$(sed -n "$(word "$a" checkpoint size)p" "$W/digests")" = "$(word "$a" checkpoint head)" ] || no "the log differs from $a"
done
echo "SOUND: form, seal, chain and $recorded signatures hold. Read who decided what: approvals/*/*.json"
