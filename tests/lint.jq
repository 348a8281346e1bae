# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Finds lines that assert nothing and prints LINE: REASON for each.
#
# Input: an array of syntax trees from shfmt, first that of a bats file, then those of the bash
# files beside it. $operators: the numbers that this shfmt uses for && and |.

$operators as [$and_operator, $pipe_operator]
| ["status", "output", "lines", "stderr", "stderr_lines"] as $result_variables
| "run ! accepts any failure (expected run -1, or a check of $status)" as $any_failure
| "the result of run is not read (expected run -0, or a check of $status)" as $not_read
| "run in a pipe: its result is lost" as $run_in_pipe
| "grep -q before a pipe: its status is ignored" as $grep_in_pipe

# Half of a tree is positions. Keep their line only.
| def strip_positions:
	if type == "array" then map(strip_positions)
	elif type != "object" then .
	elif has("Offset") then .Line
	else map_values(strip_positions) end;
def literal: if (.Parts? // [] | length) == 1 then .Parts[0].Value? // "" else "" end;
def words: [.Args[]? | literal];

# `A && return` is an `if`. `A && false` asserts that A fails.
def is_jump:
	.Cmd.Args?[0]? | literal | IN("return", "break", "continue", "exit", "skip", "false");
def is_run: .Cmd? | words[0] == "run";
def is_quiet_grep:
	.Cmd? | words | index("grep") as $at
	| $at != null and any(.[$at + 1:][]; test("^-[A-Za-z]*q|^--(quiet|silent)$"));
def is_list($operator): .Type == "BinaryCmd" and .Op == $operator;
def last_of_pipe: if .Cmd? | is_list($pipe_operator) then .Cmd.Y else . end;

# Under set -e, bash ignores a failure of A in `A && B`, and any failure of `! A`, unless this is
# the last command of a function or a subshell, or a condition. $used says that it is.
def ignored_failures($used):
	if type == "array" then
		length as $n | range($n) as $i | .[$i] | ignored_failures($used and $i == $n - 1)
	elif type != "object" then empty
	elif has("Cmd") then
		($used or .Background == true) as $used
		| if $used then empty
		  elif .Negated then
			"\(.Pos): a failure of ! is ignored (expected run -1, or if)"
		  elif (.Cmd | is_list($and_operator)) and (.Cmd.Y | is_jump | not) then
			"\(.Pos): a failure before && is ignored (expected one assertion per line)"
		  else empty end,
		(.Cmd | ignored_failures($used)), (.Redirs | ignored_failures(false))
	elif .Type == "BinaryCmd" then
		(select(is_list($pipe_operator)).X | last_of_pipe
			| if is_run then "\(.Pos): \($run_in_pipe)"
			elif is_quiet_grep then "\(.Pos): \($grep_in_pipe)"
			else empty end),
		(.X | ignored_failures(true)), (.Y | ignored_failures($used))
	elif .Type == "FuncDecl" or .Type == "TestDecl" then .Body | ignored_failures(true)
	elif .Type == "Subshell" or .Type == "CmdSubst" or .Type == "ProcSubst" then
		.Stmts | ignored_failures(true)
	elif .Type == "Block" then .Stmts | ignored_failures($used)
	elif .Type == "CaseClause" then
		(.Word | ignored_failures(false)), (.Items[].Stmts | ignored_failures($used))
	elif has("Then") then
		(.Cond | ignored_failures(true)), (.Then, .Else | ignored_failures($used))
	elif has("Do") then
		(.Cond | ignored_failures(true)), (.Loop, .Do | ignored_failures(false))
	else .[] | ignored_failures(false) end;

# Follows the results of run through $node. The input and the output are the state before and
# after it: .unread has LINE: REASON for each run whose result may still be read, .lost for each
# whose result was overwritten. $functions.leave are the names of functions that leave a result
# unread, $functions.read of those that read one.
def track_results($node; $functions):
	def through($node): track_results($node; $functions);
	def new_result($unread): { lost: (.lost + .unread), unread: $unread };
	def through_run($line; $text):
		if $text | test("^run (-[^ ]+ )*-[0-9]+ ") then new_result([])
		elif $text | test("^run (-[^ ]+ )*! ") then
			new_result(["\($line): \($any_failure)"])
		else new_result(["\($line): \($not_read)"]) end;
	# After branches, a run counts as read if one of them reads its result.
	def join_branches($before; $branches):
		def is_read: . as $run
			| IN($before.unread[]) and any($branches[]; .unread | index($run) | not);
		{
			lost: [$branches[].lost[]],
			unread: [$branches[].unread[]] | unique | map(select(is_read | not))
		};
	if $node | type == "array" then reduce $node[] as $part (.; through($part))
	elif $node | type != "object" then .
	elif $node | has("Cmd") then through($node.Redirs) | through($node.Cmd)
	elif $node.Type == "FuncDecl" then .
	elif $node.Type == "ParamExp" and ($node.Param.Value | IN($result_variables[])) then
		.unread = []
	elif $node.Type == "CallExpr" then
		($node | words) as $words
		| through($node.Assigns) | through($node.Args)
		| if $words[0] == "run" then through_run($node.Pos; $words | join(" "))
		  elif $words[0] | IN($functions.leave[]) then
			new_result(["\($node.Pos): the result of run in \($words[0]) is not read"])
		  elif any($words[]; IN($functions.read[])) then .unread = []
		  else . end
	elif $node.Type == "BinaryCmd" and $node.Op != $pipe_operator then
		through($node.X) | . as $before
		| join_branches($before; [$before, through($node.Y)])
	elif $node.Type == "CaseClause" then
		through($node.Word) | . as $before
		| join_branches($before; [$before, through($node.Items[].Stmts)])
	elif $node | has("Then") then
		through($node.Cond) | . as $before
		| join_branches($before; [through($node.Then), through($node.Else)])
	elif $node | has("Do") then
		# The second round overwrites what the first leaves unread.
		through($node.Cond) | through($node.Loop) | through($node.Do)
		| through($node.Cond) | through($node.Do)
	else reduce $node[] as $part (.; through($part)) end;

def all_of($types): .. | objects | select(.Type | IN($types[]));

map(strip_positions)
| [all_of(["FuncDecl"]) | { name: .Name.Value, body: .Body }] as $bodies
# Three rounds are enough for functions that call functions that call functions.
| (reduce range(3) as $round ({ leave: [], read: [] }; . as $functions
	| [$bodies[] as $of
		| { name: $of.name, lost: [], unread: ["a caller's"] }
		| { name } + track_results($of.body; $functions)]
	| {
		leave: map(select(.unread - ["a caller's"] != []).name),
		read: map(select(.lost + .unread | index("a caller's") | not).name)
	})) as $functions
| .[0]
| [
	ignored_failures(false),
	(all_of(["FuncDecl", "TestDecl"]) as $function
		| { lost: [], unread: [] } | track_results($function.Body; $functions)
		# What a function leaves unread, its caller may read.
		| .lost[], if $function.Type == "TestDecl" then .unread[] else empty end)
]
| unique | sort_by(split(":")[0] | tonumber)[]
