#!/bin/sh
# What udhcpc calls: the lease becomes address, route and name servers. $interface, $ip and so on are its words.
# shellcheck disable=SC2154
servers=/run/net/$interface.servers

# Cables before radio: the lower metric wins.
metric=10
[ -d "/sys/class/net/$interface/phy80211" ] && metric=20

write_resolv() {
    cat /run/net/*.servers >/etc/resolv.conf.new 2>/dev/null
    mv /etc/resolv.conf.new /etc/resolv.conf
}

case $1 in
deconfig)
    ip -4 addr flush dev "$interface"
    ip link set "$interface" up
    rm -f "$servers"
    write_resolv
    ;;
bound | renew)
    if ! ip -4 addr show dev "$interface" | grep -qF " $ip/"; then
        ip -4 addr flush dev "$interface"
        ip addr add "$ip/${mask:-24}" dev "$interface"
        echo "hafir: this board has the address $ip: http://$ip/" >/dev/console
        logger -t udhcpc "$interface has $ip/${mask:-24} from ${serverid:-?}, router ${router:-none}, names ${dns:-none}"
    fi
    [ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface" metric $metric
    for server in $dns; do echo "nameserver $server"; done >"$servers"
    write_resolv
    ;;
esac
