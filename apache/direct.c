/* The direct way into Python: the link calls an interpreter's dispatch itself.
 *
 * mod_wsgi makes an interpreter when the first request for it comes, by running our entry script
 * there; the script loads this file once more, as the Python module _link, and registers the
 * interpreter's dispatch.  From then on a request needs a thread state, a call, and that is all.
 * mod_wsgi owns the interpreters and ends them; whatever is ours is gone before.
 *
 * Thread states: one for each thread and interpreter that have met, made at the first request and
 * kept, as threading.local() and context variables live in them.  They go when their thread ends
 * (mod_http2 has threads that come and go), or with the child.
 *
 * PyGILState_Ensure(), by which mod_wsgi and extensions enter the main interpreter, takes whatever
 * state Python thinks is the thread's own: the first that was made for it (3.11), or the last that
 * ran (3.12 and later).  With sub-interpreters that is soon the wrong one, and mod_wsgi then runs a
 * request for the main interpreter in a sub-interpreter.  So each thread gets its state in the main
 * interpreter first of all, and hdpy_direct_prepare() makes it the last that ran.
 */
#include "direct.h"

#include "http_log.h"
#include "http_protocol.h"
#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"
#include "apr_thread_rwlock.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base.h"
#include "interpreter.h"
#include "request.h"
#include "settled.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

/* The thread states of one thread, by the interpreter's number. */
typedef struct thread_states {
    PyThreadState *main;
    PyThreadState **of; /* in sub-interpreters */
    unsigned room;
    struct thread_states *next, *previous;
} thread_states;

/* All that are registered, by name, and the lock for both lists.  They live in the child's pool,
 * from which only a new interpreter allocates, under the lock. */
static apr_hash_t *interpreters;
static apr_pool_t *pool;
static apr_thread_rwlock_t *lock;
static const char *path; /* of this very file */

/* All threads that have states; is_over: the child ends, and mod_wsgi will end the interpreters. */
static thread_states *threads;
static apr_thread_mutex_t *threads_lock;
static int is_over;
static pthread_key_t at_thread_end;
static int has_key;

static _Thread_local thread_states *own_states;
static _Thread_local const char *expected; /* the interpreter that mod_wsgi loads on this thread */
static _Thread_local struct {
    PyObject *request;
    hdpy_interpreter *interpreter;
} current;

/* ---- interpreters -------------------------------------------------------------------------- */

hdpy_interpreter *hdpy_direct_find(const char *name)
{
    hdpy_interpreter *found;

    if (!interpreters)
        return NULL;
    apr_thread_rwlock_rdlock(lock);
    found = apr_hash_get(interpreters, name, APR_HASH_KEY_STRING);
    apr_thread_rwlock_unlock(lock);
    return found;
}

void hdpy_direct_expect(const char *name)
{
    expected = name;
}

int hdpy_interpreter_register(const hdpy_interpreter *interpreter)
{
    hdpy_interpreter *copy;

    if (!interpreters || !expected) {
        PyErr_SetString(PyExc_RuntimeError, "the link expects no interpreter to register");
        return -1;
    }
    apr_thread_rwlock_wrlock(lock);
    if (apr_hash_get(interpreters, expected, APR_HASH_KEY_STRING)) {
        apr_thread_rwlock_unlock(lock);
        PyErr_Format(PyExc_RuntimeError, "the interpreter '%s' is registered already", expected);
        return -1;
    }
    copy = apr_pmemdup(pool, interpreter, sizeof(*interpreter));
    copy->name = apr_pstrdup(pool, expected);
    copy->state = PyInterpreterState_Get();
    copy->number = apr_hash_count(interpreters);
    apr_hash_set(interpreters, copy->name, APR_HASH_KEY_STRING, copy);
    apr_thread_rwlock_unlock(lock);
    return 0;
}

PyObject *hdpy_same_value(hdpy_same *same, const char *text, PyObject *make)
{
    PyObject *value;
    char *copy;

    if (same->value && !strcmp(same->text, text))
        return Py_NewRef(same->value);
    value = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
    if (value)
        Py_SETREF(value, PyObject_CallOneArg(make, value));
    copy = value ? strdup(text) : NULL;
    if (!copy)
        return value; /* which is not kept then */
    free(same->text);
    same->text = copy;
    Py_XSETREF(same->value, Py_NewRef(value));
    return value;
}

void hdpy_place_clear(hdpy_place *place)
{
    Py_CLEAR(place->value);
    free(place->filename);
    free(place->settings);
    free(place->looked);
    place->filename = place->settings = place->looked = NULL;
}

PyObject *hdpy_current_request(void)
{
    return current.request && current.interpreter->state == PyInterpreterState_Get()
        && !hdpy_request_is_over(current.request) ? current.request : NULL;
}

hdpy_interpreter *hdpy_current_interpreter(void)
{
    PyInterpreterState *state = PyInterpreterState_Get();
    hdpy_interpreter *found = current.interpreter;

    if (!found || found->state != state) {
        found = NULL;
        if (interpreters) {
            apr_thread_rwlock_rdlock(lock);
            for (apr_hash_index_t *i = apr_hash_first(NULL, interpreters); i; i = apr_hash_next(i)) {
                hdpy_interpreter *each = apr_hash_this_val(i);

                if (each->state == state)
                    found = each;
            }
            apr_thread_rwlock_unlock(lock);
        }
    }
    if (!found || !found->dispatch)
        PyErr_SetString(PyExc_RuntimeError, "the server has not taken charge of this interpreter, "
                                            "or ends");
    return found && found->dispatch ? found : NULL;
}

const char *hdpy_direct_path(void)
{
    return path;
}

/* ---- thread states ------------------------------------------------------------------------- */

static int is_main(const hdpy_interpreter *interpreter)
{
    return !*interpreter->name;
}

/* Let go of a state of this very thread. */
static void end_state(PyThreadState *state)
{
    PyEval_RestoreThread(state);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

static thread_states *make_states(void)
{
    thread_states *states = calloc(1, sizeof(*states));

    if (!states)
        return NULL;
    PyGILState_Ensure();
    states->main = PyEval_SaveThread();
    apr_thread_mutex_lock(threads_lock);
    states->next = threads;
    if (threads)
        threads->previous = states;
    threads = states;
    apr_thread_mutex_unlock(threads_lock);
    pthread_setspecific(at_thread_end, states);
    return states;
}

/* This thread's state in the interpreter; NULL: out of memory. */
static PyThreadState *thread_state(const hdpy_interpreter *interpreter)
{
    thread_states *states = own_states;
    unsigned number = interpreter->number;

    if (!states)
        states = own_states = make_states();
    if (!states || is_main(interpreter))
        return states ? states->main : NULL;
    if (number >= states->room) {
        unsigned room = number + 16;
        PyThreadState **of = realloc(states->of, room * sizeof(*of));

        if (!of)
            return NULL;
        memset(of + states->room, 0, (room - states->room) * sizeof(*of));
        states->of = of;
        states->room = room;
    }
    if (!states->of[number])
        states->of[number] = PyThreadState_New(interpreter->state);
    return states->of[number];
}

void hdpy_direct_prepare(const char *name)
{
    if (!own_states && interpreters)
        own_states = make_states();
    if (!*name && own_states && PyGILState_GetThisThreadState() != own_states->main) {
        PyEval_RestoreThread(own_states->main);
        PyEval_SaveThread();
    }
}

/* The thread that these states belong to ends; it is the one that runs. */
static void end_thread(void *data)
{
    thread_states *states = data;

    apr_thread_mutex_lock(threads_lock);
    if (!is_over) {
        for (unsigned i = 0; i < states->room; i++)
            if (states->of[i])
                end_state(states->of[i]);
        end_state(states->main);
        if (states->next)
            states->next->previous = states->previous;
        if (states->previous)
            states->previous->next = states->next;
        else
            threads = states->next;
        free(states->of);
        free(states);
    }
    apr_thread_mutex_unlock(threads_lock);
    own_states = NULL;
}

/* ---- the end of the child ------------------------------------------------------------------ */

/* Give back what we hold of an interpreter, whose GIL we have; mine: our state in it. */
static void release(hdpy_interpreter *interpreter, PyThreadState *mine)
{
    hdpy_base_remove(&interpreter->base, interpreter->handler);
    hdpy_base_clear(&interpreter->base);
    hdpy_settled_clear(&interpreter->settled);
    hdpy_place_clear(&interpreter->place);
    Py_CLEAR(interpreter->settings_text.value);
#define CLEAR(name) Py_CLEAR(interpreter->name);
    HDPY_REGISTERED(CLEAR)
#undef CLEAR
#define CLEAR(name) Py_CLEAR(interpreter->names.name);
    HDPY_NAMES(CLEAR)
#undef CLEAR
    if (is_main(interpreter))
        return; /* Python's own end takes the states of its threads with it */
    for (thread_states *each = threads; each; each = each->next) {
        PyThreadState *state = interpreter->number < each->room ? each->of[interpreter->number]
                                                                : NULL;

        if (!state || state == mine)
            continue;
        PyThreadState_Swap(state); /* what its end runs is to find itself in it */
        PyThreadState_Clear(state);
        PyThreadState_Swap(mine);
        PyThreadState_Delete(state);
        each->of[interpreter->number] = NULL;
    }
}

/* The child's threads have come to their end, and mod_wsgi's cleanup is next. */
static apr_status_t end_child(void *unused)
{
    apr_hash_t *all = interpreters;

    apr_thread_mutex_lock(threads_lock);
    is_over = 1;
    interpreters = NULL;
    apr_thread_mutex_unlock(threads_lock);
    for (apr_hash_index_t *i = apr_hash_first(NULL, all); i; i = apr_hash_next(i)) {
        hdpy_interpreter *interpreter = apr_hash_this_val(i);
        PyThreadState *mine = thread_state(interpreter);

        if (!mine)
            continue;
        PyEval_RestoreThread(mine);
        release(interpreter, mine);
        PyEval_SaveThread();
        if (!is_main(interpreter)) {
            end_state(mine);
            own_states->of[interpreter->number] = NULL;
        }
    }
    return APR_SUCCESS;
}

void hdpy_direct_init_threads(void)
{
    has_key = pthread_key_create(&at_thread_end, end_thread) == 0;
    hdpy_request_init();
}

void hdpy_direct_init(apr_pool_t *p)
{
    Dl_info file;

    apr_pool_create(&pool, p);
    if (!has_key || !Py_IsInitialized() || !dladdr(&httpdapy_module, &file)
        || apr_thread_rwlock_create(&lock, pool) != APR_SUCCESS
        || apr_thread_mutex_create(&threads_lock, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS)
        return; /* then nothing can register, and every request goes through mod_wsgi */
    path = apr_pstrdup(pool, file.dli_fname);
    interpreters = apr_hash_make(pool);
    apr_pool_cleanup_register(p, NULL, end_child, apr_pool_cleanup_null);
}

/* ---- a request ----------------------------------------------------------------------------- */

/* Dispatch answers for every exception itself; what comes here is its own failure. */
static void log_failure(request_rec *r, const hdpy_interpreter *interpreter)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0009: %s: dispatch has failed in interpreter "
                  "'%s'; the next lines say how", r->filename, interpreter->name);
    PyErr_Print();
}

static PyObject *begin_request(request_rec *r, hdpy_interpreter *interpreter,
                               const hdpy_target *target)
{
    current.request = hdpy_request_new(interpreter, r, target);
    current.interpreter = interpreter;
    return current.request;
}

static hdpy_answer *end_request(request_rec *r, PyObject *request)
{
    const hdpy_interpreter *interpreter = current.interpreter;
    hdpy_answer *answer;

    if (PyDict_Size(interpreter->partial_lines)) { /* the last line written may have no end */
        PyObject *result = PyObject_CallOneArg(interpreter->end_line, request);

        if (!result)
            log_failure(r, interpreter);
        Py_XDECREF(result);
    }
    answer = hdpy_request_end(request);
    current.request = NULL;
    Py_DECREF(request);
    return answer;
}

int hdpy_direct_authenticate(request_rec *r, hdpy_interpreter *interpreter,
                             const hdpy_target *target, const char *name)
{
    PyThreadState *state = thread_state(interpreter);
    PyObject *request, *result = NULL;
    long status = HTTP_INTERNAL_SERVER_ERROR;

    if (!state)
        return HTTP_INTERNAL_SERVER_ERROR;
    PyEval_RestoreThread(state);
    request = begin_request(r, interpreter, target);
    if (request) {
        hdpy_request_ask(request);
        result = PyObject_CallFunction(interpreter->authenticate, "Os", request, name);
        if (result && hdpy_request_put_answer(request) == 0)
            status = PyLong_AsLong(result);
        if (!result || PyErr_Occurred())
            log_failure(r, interpreter);
        Py_XDECREF(result);
        end_request(r, request);
    }
    PyEval_SaveThread();
    return status == OK || (status >= 300 && status < 600) ? (int)status
                                                           : HTTP_INTERNAL_SERVER_ERROR;
}

static int dispatch(hdpy_interpreter *interpreter, PyObject *request)
{
    int done = hdpy_settled_run(interpreter, request);
    PyObject *result = done ? NULL : PyObject_CallOneArg(interpreter->dispatch, request);

    Py_XDECREF(result);
    return done > 0 || result ? 0 : -1;
}

int hdpy_direct_run(request_rec *r, hdpy_interpreter *interpreter, const hdpy_target *target)
{
    PyThreadState *state = thread_state(interpreter);
    hdpy_answer *answer = NULL;
    PyObject *request;
    int has_failed;

    if (!state)
        return HTTP_INTERNAL_SERVER_ERROR;
    PyEval_RestoreThread(state);
    request = begin_request(r, interpreter, target);
    has_failed = !request || dispatch(interpreter, request) < 0;
    if (has_failed)
        log_failure(r, interpreter);
    if (request)
        answer = end_request(r, request);
    PyEval_SaveThread();
    if (answer && has_failed) {
        if (hdpy_answer_has_sent(answer)) {
            hdpy_answer_cut_short(answer);
        } else {
            r->status = HTTP_INTERNAL_SERVER_ERROR;
            hdpy_answer_use_document(answer, "dispatch has failed");
        }
    }
    return answer ? hdpy_answer_end(answer, HTTP_INTERNAL_SERVER_ERROR)
                  : HTTP_INTERNAL_SERVER_ERROR;
}
