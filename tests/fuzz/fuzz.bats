# What comes from a network or a person is hostile until parsed: a few seconds for each parser.
@test "no parser fails under the fuzzer with ASan and UBSan" {
	"$BATS_TEST_DIRNAME/run" 8
}
