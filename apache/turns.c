/* How many requests run in Python at once: PythonThreads.
 *
 * Others wait here, on threads that Apache has besides, and do not ask for the GIL meanwhile.  Without
 * such threads they would be lost: where all are busy the event MPM closes kept connections on which a
 * request has come, for the client to try another process.
 */
#include "turns.h"

#include <errno.h>
#include <semaphore.h>

static sem_t turns;
static int is_limited;
static _Thread_local int depth; /* what a request leads to on its thread, a redirect, has its turn */

void hdpy_turns_init(unsigned number)
{
    is_limited = number && !sem_init(&turns, 0, number);
}

void hdpy_turn_begin(void)
{
    if (!is_limited || depth++)
        return;
    while (sem_wait(&turns) && errno == EINTR)
        ;
}

void hdpy_turn_end(void)
{
    if (is_limited && !--depth)
        sem_post(&turns);
}
