/* The Python classes _link.Stdout and _link.Writer. */
#ifndef HTTPDAPY_STDOUT_H
#define HTTPDAPY_STDOUT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyType_Spec hdpy_stdout_spec, hdpy_writer_spec;

#endif
