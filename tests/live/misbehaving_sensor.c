/* The program with a sensor process that has been taken over: once packets flow it does what DEEDS says, a word for
 * each process that the recorder starts, and behaves after that. Takes the place of the sensor's own calls (--wrap);
 * run by test_confinement.py. Everything it does is from inside the confinement: nothing here knows how that is made.
 */
#include "capture_live.h"
#include "channel.h"
#include "sensor.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
int __real_sensor_packet(struct sensor *s, const struct packet *p);
int __wrap_sensor_packet(struct sensor *s, const struct packet *p);

/* What all the processes share, since a new sensor process must know that the deed is done. */
static struct shared {
	_Atomic unsigned next;
	pid_t recorder;
} * shared;

static _Atomic bool hang_packet;

__attribute__((constructor)) static void share(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	shared->recorder = getpid();
}

static void hang(void)
{
	for (;;)
		sleep(1);
}

static void reach_out(const char *port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)!connect(fd, (struct sockaddr *)&to, sizeof to);
}

/* The channel to the recorder: the one stream socket of the family AF_UNIX that this process has. */
static int channel(void)
{
	for (int fd = 3; fd < 256; fd++) {
		int domain = 0, type = 0;
		socklen_t n = sizeof domain;
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM)
			return fd;
	}
	return -1;
}

/* Counters with a name that would break the metrics file of whoever prints it. */
static void lie(void)
{
	static const uint8_t counters[] = "\x08"
					  "a\"} 1\nb{"
					  "\0\0\0\0\0\0\0\1";
	channel_send(channel(), MESSAGE_COUNTERS, counters, sizeof counters - 1, -1);
}

static void do_deed(const char *deed)
{
	const char *file = getenv("FORBIDDEN_FILE"), *port = getenv("FORBIDDEN_PORT");
	if (strcmp(deed, "open") == 0)
		(void)!open(file, O_WRONLY | O_CREAT, 0644);
	else if (strcmp(deed, "read") == 0)
		(void)!open("/etc/passwd", O_RDONLY);
	else if (strcmp(deed, "connect") == 0)
		reach_out(port);
	else if (strcmp(deed, "execve") == 0)
		execl("/usr/bin/touch", "touch", file, (char *)NULL);
	else if (strcmp(deed, "fork") == 0)
		(void)!fork();
	else if (strcmp(deed, "ptrace") == 0)
		ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
	else if (strcmp(deed, "kill") == 0)
		kill(shared->recorder, SIGKILL);
	else if (strcmp(deed, "crash") == 0)
		raise(SIGSEGV);
	else if (strcmp(deed, "garbage") == 0)
		(void)!send(channel(), "GET / HTTP/1.1\r\nHost: recorder\r\n\r\n", 34, 0);
	else if (strcmp(deed, "endless") == 0)
		(void)!send(channel(), "ST\3\0\377\377\377\377", 8, 0);
	else if (strcmp(deed, "down") == 0)
		channel_send(channel(), MESSAGE_SIGNATURES, "{}", 2, -1);
	else if (strcmp(deed, "lie") == 0)
		lie();
	else if (strcmp(deed, "descriptor") == 0)
		channel_send(channel(), MESSAGE_OBSERVATION, "x", 1, 0);
	else if (strcmp(deed, "hang-capture") == 0)
		hang();
	else if (strcmp(deed, "hang-packet") == 0)
		hang_packet = true;
	else
		abort(); /* the test does not know its own words */
}

/* The word of DEEDS for this process, or none. */
static bool next_deed(char out[32])
{
	const char *at = getenv("DEEDS");
	unsigned skip = shared->next++;
	while (at && skip-- && (at = strchr(at, ',')))
		at++;
	if (!at || !*at)
		return false;
	snprintf(out, 32, "%.*s", (int)strcspn(at, ","), at);
	return true;
}

int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context)
{
	static bool done;
	int n = __real_capture_live_read(c, most, fn, context);
	char deed[32];
	if (n > 0 && !done) {
		done = true;
		if (next_deed(deed))
			do_deed(deed);
	}
	return n;
}

int __wrap_sensor_packet(struct sensor *s, const struct packet *p)
{
	if (hang_packet)
		hang();
	return __real_sensor_packet(s, p);
}
