/* A process with the right to do things -> one that can only compute, read what it holds open and write to it.
 * Called by the sensor process once its captures are open and before it has read a packet. Cannot be undone.
 *
 * Capabilities all dropped (capabilities(7)), no-new-privs, not dumpable, no core files; Landlock where the kernel
 * has it (no file, no TCP, no signals to others: landlock(7)); seccomp (seccomp(2)) allows the calls that reading,
 * computing and writing need. A call that reaches outside (open, socket, connect, execve, fork, ptrace, kill ...)
 * kills the process with SIGSYS, so that it is noticed; so does writing to a socket that was open at the time and is
 * not of the family AF_UNIX, since a packet socket sends whatever is written to it. Any other unknown call fails
 * with ENOSYS.
 *
 * What a confined process has to keep to: the socket to its parent is of type SOCK_STREAM or SOCK_SEQPACKET (seccomp
 * sees no address in a sendmsg(), and a datagram socket would take one). Threads end by returning: pthread_exit()
 * and pthread_cancel() load a library. The process ends by _exit(), or LeakSanitizer, where built in, starts a
 * tracer. A capture stays open until the end: its number, used again for a file, would still not be written to. */
#ifndef SHADOWTAP_CONFINE_H
#define SHADOWTAP_CONFINE_H

#include <stdbool.h>

#define CONFINE_ERROR_TEXT 256

struct confine_report {
	bool seccomp, capabilities, no_new_privs, landlock;
	int landlock_abi; /* 0: none */
};

/* Threads that the process will need must be made afterwards: pthread_create stays possible. 0, or FAIL_IO with a
 * sentence in error: seccomp, capabilities or no-new-privs could not be had, or there is a second thread; the
 * process is then in an undefined state of confinement and should end. A kernel without Landlock is no failure: the
 * report says so. */
int confine_process(struct confine_report *ret, char error[CONFINE_ERROR_TEXT]);

#endif
