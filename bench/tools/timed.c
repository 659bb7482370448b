/* A command -> one line of figures: wall clock and CPU seconds, peak memory in kB, exit code. Its output goes nowhere,
 * its errors to a file. Run by bench/run for each process that it measures: Linux counts a process's peak from what its
 * parent had, so the parent must be small. Judges nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void become(const char *errors, char **argv)
{
	int null = open("/dev/null", O_RDWR);
	int err = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (null < 0 || err < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err, 2) < 0)
		_exit(127);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: timed ERRORS COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	double start = seconds_now();
	pid_t pid = fork();
	if (pid == 0)
		become(argv[1], argv + 2);
	int status;
	struct rusage usage;
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		perror("timed");
		return 2;
	}
	double wall = seconds_now() - start;
	printf("%.6f %.6f %ld %d\n", wall, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
