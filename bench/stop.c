/* bench/stop.c -- Without a limit no clock is read. */
#include "bench/stop.h"

#include "base/thread.h"
#include "tools/interrupt.h"

static int64_t end_ns; /* set before there are threads; 0: no limit */

void
bench_stop_after(int64_t seconds)
{
    end_ns = seconds > 0 ? strand_thread_now_ns() + seconds * 1000000000 : 0;
}

bool
bench_stop_is_wanted(void)
{
    return cli_interrupt_is_wanted() || (end_ns > 0 && strand_thread_now_ns() >= end_ns);
}

int64_t
bench_stop_left_ns(void)
{
    if (end_ns == 0)
        return 0;
    int64_t left = end_ns - strand_thread_now_ns();
    return left > 1 ? left : 1;
}
