/* The end of a prefork child is put off until Python is through with the request.
 *
 * The prefork MPM ends a child from the signal handler itself: SIGTERM and SIGHUP run every cleanup
 * there and then, that of mod_wsgi too, which waits for the GIL.  If the signal came while the same
 * thread was running Python, it waits for ever.  A handler that takes its time is ended by Apache's
 * parent process, with SIGKILL, like one in a threaded MPM.
 */
#include "termination.h"

#include <signal.h>
#include <stddef.h>

static const int signals[] = {SIGTERM, SIGHUP};

static struct sigaction before[2];
static int is_installed;
static volatile sig_atomic_t is_deferred;
static volatile sig_atomic_t pending;

static void on_signal(int number)
{
    if (is_deferred) {
        pending = number;
        return;
    }
    for (int i = 0; i < 2; i++)
        if (signals[i] == number && before[i].sa_handler != SIG_IGN
            && before[i].sa_handler != SIG_DFL)
            before[i].sa_handler(number);
}

void hdpy_termination_init(void)
{
    for (int i = 0; i < 2; i++) {
        struct sigaction action;

        if (sigaction(signals[i], NULL, &before[i]) != 0 || before[i].sa_flags & SA_SIGINFO
            || before[i].sa_handler == SIG_DFL || before[i].sa_handler == SIG_IGN)
            continue;
        action = before[i];
        action.sa_handler = on_signal;
        sigaction(signals[i], &action, NULL);
        is_installed = 1;
    }
}

void hdpy_termination_defer(void)
{
    is_deferred = is_installed;
}

void hdpy_termination_resume(void)
{
    is_deferred = 0;
    if (pending) {
        int number = pending;

        pending = 0;
        raise(number);
    }
}
