/* tests/unit/test_fork_guard.c -- Children know that they are children; parents stay parents. */
#include "base/fork_guard.h"

#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct strand_fork_guard *guard;

static void
create_guard(void)
{
    cr_assert_eq(strand_fork_guard_create(&guard), STRAND_OK);
}

static void
destroy_guard(void)
{
    strand_fork_guard_destroy(guard);
}

TestSuite(fork_guard, .init = create_guard, .fini = destroy_guard, .timeout = 30);

/* What a child exits with that runs LOOK. */
static int
exit_code_of_child(int (*look)(void))
{
    int state = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(look());
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state), "the child died of a signal");
    return WEXITSTATUS(state);
}

static int
look_at_guard(void)
{
    return strand_fork_guard_is_child(guard) ? 42 : 1;
}

static int
look_in_grandchild(void)
{
    return exit_code_of_child(look_at_guard);
}

static int
destroy_in_child(void)
{
    strand_fork_guard_destroy(guard);
    return 42;
}

static int
create_in_child(void)
{
    struct strand_fork_guard *own;

    if (strand_fork_guard_create(&own) != STRAND_OK || strand_fork_guard_is_child(own))
        return 1;
    strand_fork_guard_destroy(own);
    return 42;
}

Test(fork_guard, the_creator_is_no_child)
{
    cr_expect_not(strand_fork_guard_is_child(guard));
}

Test(fork_guard, a_child_is_told_and_the_parent_stays_what_it_is)
{
    cr_expect_eq(exit_code_of_child(look_at_guard), 42);
    cr_expect_not(strand_fork_guard_is_child(guard));
}

Test(fork_guard, a_grandchild_is_told)
{
    cr_expect_eq(exit_code_of_child(look_in_grandchild), 42);
}

Test(fork_guard, a_child_may_destroy_what_it_inherited)
{
    cr_expect_eq(exit_code_of_child(destroy_in_child), 42);
    cr_expect_not(strand_fork_guard_is_child(guard));
}

Test(fork_guard, a_child_may_have_a_guard_of_its_own)
{
    cr_expect_eq(exit_code_of_child(create_in_child), 42);
}

Test(fork_guard, two_guards_do_not_share_a_page)
{
    struct strand_fork_guard *other;

    cr_assert_eq(strand_fork_guard_create(&other), STRAND_OK);
    strand_fork_guard_destroy(other);
    cr_expect_not(strand_fork_guard_is_child(guard));
}

Test(fork_guard, null_is_accepted)
{
    strand_fork_guard_destroy(NULL);
}
