# METADATA
# description: Lists in sentences.
package funkhaus.lib.words

# METADATA
# description: |
#   The items of an array as a sentence has them, in the order given: "none", "a", "a and b", "a, b and c".
list(items) := "none" if count(items) == 0

list(items) := items[0] if count(items) == 1

list(items) := sprintf("%s and %s", [concat(", ", array.slice(items, 0, last)), items[last]]) if {
	last := count(items) - 1
	last > 0
}
