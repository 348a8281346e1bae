# The messages of a C source, or of a part of the scripts, a line each: what is put in, %s or $name, becomes "...". What has nothing
# to say beside the system's own words, as in "socket: Permission denied", is left out.
function end() {
	gsub(/\\"/, "\"", message); gsub(/\\n/, "", message); gsub(/ *\n[ \t]*/, " ", message); gsub(/\.\.\.(\.\.\.)+/, "...", message); sub(/^-: /, "", message)
	if (message ~ /[a-z] .*[a-z]/ && message !~ /^(standard output|default route|cannot be [^ ]*: \.\.\.)$/) print message
	message = ""
}
function c() {
	while (match(text, /(^|[^a-z_])(refuse|refuse_option|refuse_name|refuse_place|refuse_keys|err|errx|warn|warnx|fail|say)\(/)) {
		where = ""; refuses = substr(text, RSTART, RLENGTH) ~ /refuse\($/; text = substr(text, RSTART + RLENGTH)
		if (refuses && match(text, /^"[^"]*",[^";{]*"/)) where = substr(text, 2, index(substr(text, 2), "\"") - 1) ": "
		else if (!match(text, /^[^";{]*"/)) continue
		text = substr(text, RLENGTH + 1)
		for (;;) {
			match(text, /^([^"\\]|\\.)*"/); piece = substr(text, 1, RLENGTH - 1); text = substr(text, RLENGTH + 1)
			gsub(/%[-#0-9.*]*[lzh]*[a-zA-Z]/, "...", piece); message = (message == "" ? where : message) piece
			if (match(text, /^[ \t\n]*"/)) { text = substr(text, RLENGTH + 1); continue }
			if (match(text, /^[ \t\n]*[A-Z][A-Za-z0-9_]*[ \t\n]*"/)) { message = message "..."; text = substr(text, RLENGTH + 1); continue }
			if (match(text, /^[ \t\n]*:[ \t\n]*"/)) { end(); text = substr(text, RLENGTH + 1); continue } # one of two
			break
		}
		end()
	}
}
function shell(  i, letter, depth) {
	while (match(text, /(^|[^a-z_])(say|fail [0-9$][^ "]*|stop [0-9$][^ "]*|misuse|no_status|no_book|tell [a-z-]+) "/)) {
		message = substr(text, RSTART, RLENGTH); if (message ~ /tell /) { sub(/.*tell /, "", message); sub(/ "$/, ": ", message) } else message = ""
		text = substr(text, RSTART + RLENGTH)
		for (i = 1; (letter = substr(text, i, 1)) != "\"" && letter != ""; i++) {
			if (letter == "\\") { i++; message = message substr(text, i, 1) }
			else if (letter != "$") message = message letter
			else if (match(substr(text, i), /^\$([a-zA-Z_0-9]+|[*@$#?!])/)) { i += RLENGTH - 1; message = message "..." }
			else { # ${...} and $(...), with what is in it
				for (depth = 0; i <= length(text); i++) { letter = substr(text, i, 1); if (letter ~ /[({]/) depth++; if (letter ~ /[)}]/ && --depth == 0) break }
				message = message "..."
			}
		}
		text = substr(text, i + 1); end()
	}
}
{ text = text $0 "\n" }
END { if (FILENAME ~ /\.sh$/) shell(); else c() }
