/* The Python module _link: this very file, loaded by an interpreter of the server.
 *
 * interpreters/_link.pyi has the Python signatures.
 */
#include "base.h"
#include "headers.h"
#include "interpreter.h"
#include "request.h"
#include "stdout.h"

/* Borrowed references to what register() was given, by name. */
static int parse(hdpy_interpreter *found, PyObject *args, PyObject *keywords)
{
#define NAME(name) #name,
#define FORMAT(name) "O"
#define PLACE(name) , &found->name
    static char *names[] = {HDPY_REGISTERED(NAME) NULL};

    return PyArg_ParseTupleAndKeywords(args, keywords, "$" HDPY_REGISTERED(FORMAT) ":register",
                                       names HDPY_REGISTERED(PLACE));
}

static PyObject *link_register(PyObject *self, PyObject *args, PyObject *keywords)
{
    hdpy_interpreter found = {0};

    if (!parse(&found, args, keywords))
        return NULL;
#define INTERN(name) found.names.name = PyUnicode_InternFromString(#name);
    HDPY_NAMES(INTERN)
    if (PyErr_Occurred() || hdpy_base_prepare(&found.base, found.handler) < 0
        || hdpy_interpreter_register(&found) < 0)
        return NULL;
        /* held until the child ends */
#define HOLD(name) Py_INCREF(found.name);
    HDPY_REGISTERED(HOLD)
    return hdpy_base_install(found.handler) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *link_current(PyObject *self, PyObject *unused)
{
    PyObject *request = hdpy_current_request();

    return Py_NewRef(request ? request : Py_None);
}

static PyMethodDef functions[] = {
    {"register", (PyCFunction)(void (*)(void))link_register, METH_VARARGS | METH_KEYWORDS,
     "Have the requests of this interpreter given to dispatch(request)."},
    {"current", link_current, METH_NOARGS, "The request that this thread runs, or None."},
    {NULL}
};

static int add_types(PyObject *self)
{
    PyType_Spec *specs[] = {&hdpy_request_spec, &hdpy_headers_spec, &hdpy_stdout_spec,
                            &hdpy_writer_spec};

    for (int i = 0; i < 4; i++) {
        PyObject *type = PyType_FromModuleAndSpec(self, specs[i], NULL);
        int failed = !type || PyModule_AddType(self, (PyTypeObject *)type) < 0
                  || (specs[i] == &hdpy_request_spec
                      && hdpy_request_complete((PyTypeObject *)type) < 0);

        Py_XDECREF(type);
        if (failed)
            return -1;
    }
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_types},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL}
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_link",
    .m_doc = "Requests straight from Apache.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__link(void);

PyMODINIT_FUNC PyInit__link(void)
{
    return PyModuleDef_Init(&definition);
}
