check_ip() { # older ones delete no policy that has an if_id
	case $("$ip" -V) in
	*iproute2-ss* | *iproute2-[0-4].* | *iproute2-5.[0-7].*) fail 5 "this ip cannot delete the policies of an interface (expected iproute2 5.8 or later)" ;;
	esac
}
