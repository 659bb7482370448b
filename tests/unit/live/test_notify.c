/* What a service manager hears, through a path or an abstract name; without one, or with one that does not listen,
 * nothing happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "notify.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char heard[256];

static int bound(const char *name, size_t n)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path, name, n);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	return fd;
}

static const char *hear(int fd)
{
	ssize_t n = recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT);
	heard[n > 0 ? n : 0] = 0;
	return heard;
}

static void test_path(void **state)
{
	(void)state;
	char path[64];
	snprintf(path, sizeof path, "/tmp/test-notify-%d", (int)getpid());
	int fd = bound(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_service_manager("READY=1\nSTATUS=%d frames", 7);
	assert_string_equal(hear(fd), "READY=1\nSTATUS=7 frames");
	close(fd);
	notify_service_manager("STOPPING=1"); /* nobody listens any more */
	unlink(path);
	notify_service_manager("STOPPING=1");
}

static void test_abstract(void **state)
{
	(void)state;
	char name[64];
	snprintf(name, sizeof name, "@test-notify-%d", (int)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = 0;
	int fd = bound(name, 1 + strlen(name + 1));
	notify_service_manager("WATCHDOG=1");
	assert_string_equal(hear(fd), "WATCHDOG=1");
	close(fd);
}

/* A manager that does not read is not waited for. */
static void test_full(void **state)
{
	(void)state;
	char name[64];
	snprintf(name, sizeof name, "@test-notify-full-%d", (int)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = 0;
	int fd = bound(name, 1 + strlen(name + 1));
	for (int i = 0; i < 5000; i++)
		notify_service_manager("WATCHDOG=1");
	assert_string_equal(hear(fd), "WATCHDOG=1");
	close(fd);
}

static void test_none(void **state)
{
	(void)state;
	static char endless[300];
	memset(endless, '/', sizeof endless - 1);
	unsetenv("NOTIFY_SOCKET");
	notify_service_manager("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_service_manager("READY=1");
	setenv("NOTIFY_SOCKET", endless, 1);
	notify_service_manager("READY=1");
}

static void test_watchdog(void **state)
{
	(void)state;
	char pid[16];
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_true(notify_watchdog_us() == 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_true(notify_watchdog_us() == 15000000);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_true(notify_watchdog_us() == 15000000);
	setenv("WATCHDOG_PID", "1", 1); /* it is meant for somebody else */
	assert_true(notify_watchdog_us() == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path), cmocka_unit_test(test_abstract), cmocka_unit_test(test_full),
	    cmocka_unit_test(test_none), cmocka_unit_test(test_watchdog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
