"""Values and rules that could run on a desert island: standard library only, no IO."""
