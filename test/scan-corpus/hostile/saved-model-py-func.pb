0
"serve%
#
callPyFunc*
token
pyfunc_0