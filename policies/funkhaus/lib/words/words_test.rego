package funkhaus.lib.words_test

import data.funkhaus.lib.words

test_list if {
	words.list([]) == "none"
	words.list(["a"]) == "a"
	words.list(["a", "b"]) == "a and b"
	words.list(["a", "b", "c"]) == "a, b and c"
}
