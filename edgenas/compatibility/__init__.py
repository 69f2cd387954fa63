"""What a compiler would make of a model: operator rules and the compilers' own verdicts."""
