# interface: needs interface, if_id, mtu. An xfrm interface, through which the routes lead.
check_interface() {
	[ -n "$mending" ] || [ ! -e "/proc/sys/net/ipv4/conf/$interface" ] || fail 1 "interface $interface exists already; see: ip -d link show $interface"
	ip_version=$(ip -V) ip_version=${ip_version#*iproute2-}
	case $ip_version in # 5.8 is the first that can delete a policy with if_id
	ss* | [1-4].* | 5.[0-7] | 5.[0-7][!0-9]*) fail 5 "ip is of iproute2 $ip_version, which cannot delete policies of an interface; want 5.8 or later, or generate without --interface" ;;
	esac
}
add_interface() {
	[ ! -e "/proc/sys/net/ipv4/conf/$interface" ] || return 0
	note ip link delete "$interface"
	change ip link add "$interface" type xfrm if_id "$if_id"
	change ip link set "$interface" mtu "$mtu" up
}
