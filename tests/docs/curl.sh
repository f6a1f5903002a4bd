#!/bin/bash
# Stands for curl where there is none: curl -u USER:PASSWORD -X METHOD -H HEADER -d BODY http://HOST:PORT/PATH
set -eu
login= method=GET header= body= url=
while [ $# -gt 0 ]; do
    case "$1" in
        -u) login=$2; shift 2 ;;
        -X) method=$2; shift 2 ;;
        -H) header=$2; shift 2 ;;
        -d) body=$2; shift 2 ;;
        http://*) url=${1#http://}; shift ;;
        *) echo "curl: $1 is not known to this stand-in" >&2; exit 2 ;;
    esac
done
host=${url%%/*}
exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
length=$(printf %s "$body" | wc -c)
printf '%s /%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\n%s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
    "$method" "${url#*/}" "$host" "$(printf %s "$login" | base64)" "$header" "$length" "$body" >&3
cat <&3
