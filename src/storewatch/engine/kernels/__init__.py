"""The compiled loops, and the only use of Numba: `walk` for status over time, `polls` for the polls themselves.

Kernels check nothing and raise nothing; `engine.inputs` checks their inputs. Numba keeps compiled code on
disk and compiles again when the file of a kernel changes. It does not see changes in other files. So a kernel file
imports no other kernel file, and defines its own tuples and constants: then an edit of any kernel file compiles exactly
what depends on it. import-linter checks the imports, and tests/engine/kernels/test_kernel_cache.py checks the edits.
"""
