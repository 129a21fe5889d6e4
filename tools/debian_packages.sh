#!/bin/sh
# Installs the Debian packages that tests with real components need. Only in CI, only as root, only what is missing.
set -eu
need=""
command -v haproxy >/dev/null || need="$need haproxy"
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || need="$need nginx-light"
command -v prometheus >/dev/null || need="$need prometheus"
command -v prometheus-alertmanager >/dev/null || need="$need prometheus-alertmanager"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need="$need postgresql"
command -v ssh-keygen >/dev/null || need="$need openssh-client"
command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || need="$need openssh-server"
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || need="$need iproute2"
[ -x /usr/lib/systemd/systemd ] || [ -x /lib/systemd/systemd ] || need="$need systemd"
command -v cc >/dev/null || need="$need gcc libc6-dev"
command -v unzip >/dev/null || need="$need unzip"
command -v jq >/dev/null || need="$need jq"
command -v openssl >/dev/null || need="$need openssl"
command -v chromium >/dev/null || need="$need chromium"
command -v node >/dev/null || need="$need nodejs"
command -v npm >/dev/null || need="$need npm"
[ -z "$need" ] && exit 0
# No installed program may start a server by itself.
if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d; fi
apt-get update -qq >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
echo "installed:$need"
