# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The decisions of xfrmkeep follow, and their times, with a clock of the test. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	gcc -std=c11 -D_GNU_SOURCE -DVERSION='"test"' -Wall -Wextra -Wshadow -Wconversion -Werror -Ihelper -g -fsanitize=address,undefined \
		-fno-sanitize-recover=all -o "$BATS_FILE_TMPDIR/follow" tests/follow.c helper/tick.c helper/endpoint.c helper/number.c helper/say.c \
		helper/special.c helper/text.c
}

# played [WORD]: plays standard input; leaves in output the steps, or those that have that word, a line each
played() {
	"$BATS_FILE_TMPDIR/follow" >"$BATS_TEST_TMPDIR/steps"
	[ $# -gt 0 ] || set -- ''
	output=$(grep "$@" "$BATS_TEST_TMPDIR/steps" || :)
}
count() { grep -c . <<<"$output"; }

@test "in an idle hour it reads the kernel every 20 s, records only changes, and rekeys once" {
	played <<-END
	b 31.1.2.3:10421
	3601 end
	END
	[ "$(grep -c mend <<<"$output")" -eq 180 ]
	[ "$(grep -v mend <<<"$output")" = "3600 rekey" ]
	[ "$(head -n 2 <<<"$output")" = "20 mend
40 mend" ]
}

@test "with traffic, sequence numbers are recorded once a minute, and not after it ends" {
	played record <<-END
	b 31.1.2.3:10421
	1 traffic b on
	305 traffic b off
	1000 end
	END
	[ "$output" = "60 record
120 record
180 record
240 record
300 record" ]
}

@test "if the kernel receives a peer from another endpoint, follow uses it at once, but at most once a second" {
	played move <<-END
	b 31.1.2.3:10421
	c 77.3.4.5:500
	5 announce c 77.3.4.5:501
	6 announce c 77.3.4.5:501
	7.5 announce c 77.3.4.6:502
	7.6 announce c 77.3.4.6:503
	7.7 announce c 77.3.4.6:504
	9 announce b 31.1.2.3:10421
	30 end
	END
	[ "$output" = "5 move-peer c 77.3.4.5:501
7.5 move-peer c 77.3.4.6:502
8.5 move-peer c 77.3.4.6:504" ]
}

@test "a name is looked up after two minutes of silence of its peer, even if other peers are received" {
	played -e resolve -e move <<-END
	b 31.1.2.3:4500 b.example.net
	c 77.3.4.5:4500
	0.5 traffic c on
	0.5 traffic b on
	0.5 name b 31.1.2.3
	55 traffic b off
	300 name b 31.1.2.9
	700 end
	END
	[ "$output" = "160 resolve b
280 resolve b
400 resolve b
400 move-name b 31.1.2.9:4500
520 resolve b
640 resolve b" ]
}

@test "an unchanged address of a name is ignored if the peer was received from another endpoint since" {
	played -e resolve -e move <<-END
	b 31.1.2.3:4500 b.example.net
	1 name b 31.1.2.3
	10 announce b 31.1.2.77:4777
	500 name b 31.1.2.10
	601 end
	END
	[ "$output" = "10 move-peer b 31.1.2.77:4777
120 resolve b
240 resolve b
360 resolve b
480 resolve b
600 resolve b
600 move-name b 31.1.2.10:4500" ]
}

@test "the local address auto changes at once if the old one is gone, else after two minutes of silence" {
	played move <<-END
	b 31.1.2.3:4500
	auto 192.168.1.4
	1 traffic b on
	50 local 192.168.1.9 gone
	51 end
	END
	[ "$output" = "50 move-self 192.168.1.9" ]
	played move <<-END
	b 31.1.2.3:4500
	c 77.3.4.5:4500
	auto 192.168.1.4
	1 traffic c on
	50 local 192.168.1.9
	200 traffic c off
	1000 end
	END
	[ "$output" = "300 move-self 192.168.1.9" ]
	# without a route there is no place to go to; an address that was given stays
	played move <<-END
	b 31.1.2.3:4500
	auto 192.168.1.4
	50 local none gone
	1000 end
	END
	[ "$output" = "" ]
	played move <<-END
	b 31.1.2.3:4500
	50 local 192.168.1.9 gone
	1000 end
	END
	[ "$output" = "" ]
}

@test "removed objects are put back a second later, but at most every five seconds" {
	played mend <<-END
	b 31.1.2.3:4500
	5 change
	5.2 change
	10.5 change
	14 end
	END
	[ "$output" = "6 mend
11.5 mend" ]
	played mend < <(
		echo b 31.1.2.3:4500
		for i in $(seq 100 0.1 130); do echo "$i change"; done
	)
	[ "$(count)" -le 13 ]
	[ "$(count)" -ge 10 ]
}

@test "a failing mend is retried less and less often, down to once an hour, until it works again" {
	played mend <<-END
	b 31.1.2.3:4500
	1 fails on
	40000 fails off
	50000 end
	END
	[ "$(sed -n '1,5p' <<<"$output")" = "20 mend failed
25 mend failed
35 mend failed
55 mend failed
95 mend failed" ]
	[ "$(grep -c failed <<<"$output")" -le 20 ]
	[ "$(grep -vc failed <<<"$output")" -ge 300 ]
}

@test "while another process holds the lock, each step is retried every second" {
	played <<-END
	b 31.1.2.3:4500
	5 busy 3
	5 announce b 31.1.2.3:4501
	21 end
	END
	[ "$output" = "5 move-peer b 31.1.2.3:4501 busy
6 move-peer b 31.1.2.3:4501 busy
7 move-peer b 31.1.2.3:4501 busy
8 move-peer b 31.1.2.3:4501
20 mend" ]
	played move <<-END
	b 31.1.2.3:4500
	5 fails on
	5 announce b 31.1.2.3:4501
	60 end
	END
	[ "$output" = "5 move-peer b 31.1.2.3:4501 failed
25 move-peer b 31.1.2.3:4501 failed
45 move-peer b 31.1.2.3:4501 failed" ]
}

@test "the port mapping is renewed at once, at half of its lifetime, three minutes after a failure, and after two minutes of silence" {
	played map <<-END
	b 31.1.2.3:4500
	maps
	0.5 lease 7200
	0.5 traffic b on
	8000 end
	END
	[ "$output" = "0 map
180 map
3780 map
7380 map" ]
	played map <<-END
	b 31.1.2.3:4500
	maps
	0.5 lease 0
	800 lease 7200
	1100 end
	END
	[ "$output" = "0 map
180 map
320 map
460 map
600 map
740 map
880 map
1020 map" ]
}

@test "it ends at once when the tunnel is down" {
	played <<-END
	b 31.1.2.3:4500
	5 over
	10 end
	END
	[ "$output" = "5 end" ]
}
