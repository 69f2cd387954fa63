"""What a Python user calls; `import edgenas` gives all of it by name, and imports each part when it is first used.

Every function is thin: the command of the same name calls the same code below it. Arguments carry the names of the
command's flags and are keyword-only behind the first. Errors are `edgenas.UsageError` (what was asked for is wrong) and
`edgenas.EdgenasError` (it failed).
"""
