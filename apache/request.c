/* The Python class _link.Request: one request, as interpreters/served.py describes it.
 *
 * Nothing is computed before it is asked for.  The object outlives its request when a handler keeps
 * it; then every use raises.  Bodies are read and answers sent without the GIL, by the thread that
 * runs the request and no other; meanwhile other threads may ask for what the request_rec merely
 * holds, not for what has to be worked out in its pool.
 *
 * What is written soon rather than at once may come from any thread, and may be sent by one that is
 * not Python's (outbox.c).  So every use of the request's pool and connection that another thread
 * may meet with is between take() and give().
 */
#include "request_state.h"

#include "apr_time.h"

/* This process was forked by a handler: no request is its. */
static int is_fork;

/* ---- life ---------------------------------------------------------------------------------- */

static void become_fork(void)
{
    is_fork = 1;
}

void hdpy_request_init(void)
{
    pthread_atfork(NULL, NULL, become_fork);
}

PyObject *hdpy_request_new(hdpy_interpreter *interpreter, request_rec *r,
                           const hdpy_target *target)
{
    PyTypeObject *type = (PyTypeObject *)interpreter->request;
    Request *self = (Request *)type->tp_alloc(type, 0);

    if (!self)
        return NULL;
    self->r = self->body.r = r;
    self->interpreter = interpreter;
    self->target = target;
    self->file_type = r->content_type;
    self->answer = hdpy_answer_new(r);
    self->thread = pthread_self();
    self->status = HTTP_OK;
    return (PyObject *)self;
}

void hdpy_wait_a_moment(void)
{
    Py_BEGIN_ALLOW_THREADS
    apr_sleep(500);
    Py_END_ALLOW_THREADS
}

int hdpy_request_is_over(PyObject *request)
{
    return is_fork || !((Request *)request)->r;
}

hdpy_answer *hdpy_request_end(PyObject *request)
{
    Request *self = (Request *)request;

    while (self->taken)
        hdpy_wait_a_moment();
    self->r = NULL;
    return self->answer;
}

static void request_dealloc(Request *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(self->whole);
    Py_XDECREF(self->headers_in);
    Py_XDECREF(self->headers_out);
    Py_XDECREF(self->content_type);
    type->tp_free(self);
    Py_DECREF(type);
}

int hdpy_is_live(Request *self)
{
    if (self->r && !is_fork)
        return 1;
    PyErr_SetString(PyExc_RuntimeError, is_fork
        ? "the request is that of the process that has forked this one"
        : "the request is over: take what you need of it before the handler returns");
    return 0;
}

int hdpy_is_free(Request *self)
{
    if (!hdpy_is_live(self))
        return 0;
    if (!self->is_busy)
        return 1;
    PyErr_SetString(PyExc_RuntimeError, "the request is in use by its own thread, which waits for "
                                        "the client: ask before you start another thread");
    return 0;
}

int hdpy_is_own_thread(const Request *self)
{
    return pthread_equal(self->thread, pthread_self());
}

int hdpy_is_own(Request *self)
{
    if (!hdpy_is_live(self))
        return 0;
    if (hdpy_is_own_thread(self))
        return 1;
    PyErr_SetString(PyExc_RuntimeError, "the body is read and the answer written by the thread "
                                        "that runs the request, and no other");
    return 0;
}

int hdpy_take(Request *self)
{
    int is_mine = hdpy_is_own_thread(self);

    for (;;) {
        if (!self->r || is_fork || (self->is_busy && !is_mine))
            return 0;
        if (!self->taken || pthread_equal(self->taker, pthread_self()))
            break;
        hdpy_wait_a_moment();
    }
    self->taker = pthread_self();
    self->taken++;
    while (self->taken == 1 && self->outbox && !hdpy_outbox_take(self->outbox)) {
        Py_BEGIN_ALLOW_THREADS
        hdpy_outbox_await(self->outbox);
        Py_END_ALLOW_THREADS
    }
    return 1;
}

void hdpy_give(Request *self)
{
    self->taken--;
    if (!self->taken && self->outbox)
        hdpy_outbox_give(self->outbox);
}

PyObject *hdpy_latin1_str(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

PyObject *hdpy_path_str(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

/* ---- the class ----------------------------------------------------------------------------- */

static PyType_Slot slots[] = {
    {Py_tp_doc, "A request that Apache gave to Python directly."},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, hdpy_request_next},
    {0, NULL}
};

PyType_Spec hdpy_request_spec = {
    .name = "httpdapy._link.Request",
    .basicsize = sizeof(Request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

/* Steals the reference to the descriptor, which may be NULL. */
static int put(PyTypeObject *type, const char *name, PyObject *descriptor)
{
    int failed = !descriptor || PyObject_SetAttrString((PyObject *)type, name, descriptor) < 0;

    Py_XDECREF(descriptor);
    return failed ? -1 : 0;
}

/* The attributes and methods that the other files have for it. */
int hdpy_request_complete(PyTypeObject *type)
{
    PyGetSetDef *const attributes[] = {hdpy_request_facts, hdpy_request_headers};
    PyMethodDef *const methods[] = {hdpy_request_dispatch, hdpy_request_reading,
                                    hdpy_request_answering};

    for (int i = 0; i < 2; i++)
        for (PyGetSetDef *each = attributes[i]; each->name; each++)
            if (put(type, each->name, PyDescr_NewGetSet(type, each)) < 0)
                return -1;
    for (int i = 0; i < 3; i++)
        for (PyMethodDef *each = methods[i]; each->ml_name; each++)
            if (put(type, each->ml_name, PyDescr_NewMethod(type, each)) < 0)
                return -1;
    return 0;
}

int hdpy_request_check(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == (destructor)request_dealloc
        || PyType_GetSlot(Py_TYPE(object), Py_tp_iternext) == (void *)hdpy_request_next;
}

hdpy_outbox *hdpy_request_outbox(PyObject *request)
{
    const Request *self = (const Request *)request;

    return self->r && !self->taken && !is_fork ? self->outbox : NULL;
}
