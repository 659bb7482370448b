/* What is said of interfaces that are up, down, without carrier, and to somebody who may not capture. */
#include "capture_net.h"

#include <sys/wait.h>

struct listed {
	unsigned seen;
	bool permitted;
	bool carrier; /* of st0 */
};

static void on_interface(void *context, const struct capture_interface_info *i)
{
	struct listed *l = context;
	assert_true(i->network || !i->link_type);
	if (strcmp(i->name, "lo") == 0) {
		l->seen |= 1;
		assert_true(i->network && i->up && i->running && i->loopback);
		assert_int_equal(strncmp(i->addresses, "127.0.0.1, 192.0.2.7", 20), 0);
		if (l->permitted) {
			assert_null(i->why_not);
			assert_string_equal(i->link_type, "EN10MB");
		} else {
			assert_non_null(strstr(i->why_not, "CAP_NET_RAW"));
			assert_null(i->link_type);
		}
	}
	if (strcmp(i->name, "st0") == 0) { /* up, but its other end is not */
		l->seen |= 2;
		l->carrier = i->running;
		assert_true(i->network && i->up && !i->loopback);
		assert_true(!l->permitted || !i->why_not);
	}
	if (strcmp(i->name, "st1") == 0) {
		l->seen |= 4;
		assert_false(i->up);
		assert_true(!l->permitted || strstr(i->why_not, "down"));
		assert_null(i->link_type);
	}
	if (strcmp(i->name, "any") == 0 && (!l->permitted || !i->why_not))
		l->seen |= 8;
}

static void test_interfaces(void **state)
{
	(void)state;
	NEED_NETWORK();
	char error[CAPTURE_ERROR_TEXT];
	struct listed l = {.permitted = true};
	assert_true(ip("addr add 192.0.2.7/32 dev lo"));
	assert_true(ip("link set st1 down"));
	assert_int_equal(capture_interfaces(on_interface, &l, error), 0);
	assert_int_equal(l.seen, 15);
	/* The kernel may take a second to notice. */
	for (int64_t end = now_ns() + PATIENCE_NS; l.carrier && now_ns() < end; usleep(50000))
		assert_int_equal(capture_interfaces(on_interface, &l, error), 0);
	assert_false(l.carrier);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct listed nobody = {.permitted = false};
		_exit(setuid(65534) != 0 || capture_interfaces(on_interface, &nobody, error) != 0 || nobody.seen != 15);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ip("addr del 192.0.2.7/32 dev lo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_A_PAIR(test_interfaces),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
