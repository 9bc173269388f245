"""Use cases: what the doors ask for, told in the words of the domain and through ports."""
