/* A small process between the recorder and the sensor: it has the right to capture and nothing else, and uses it for one thing: to fork sensor
 * processes when the recorder asks. So neither the half that reads packets nor the half that owns the database keeps that right,
 * and a sensor that dies can be started again. It reads nothing but single bytes from the recorder. */
#ifndef SHADOWTAP_LAUNCHER_H
#define SHADOWTAP_LAUNCHER_H

#include "privileges.h"
#include "sensor_process.h"

/* Forks the launcher, which becomes `user`. Call it early: the child inherits what is open. Returns the socket to it, or FAIL_IO with a
 * sentence in error. */
int launcher_start(const struct sensor_process_config *config, const struct privileges *user, char error[PRIVILEGES_ERROR_TEXT]);

/* Asks for a sensor process that gets `channel` (which stays open here). Only one at a time. FAIL_IO: the launcher is gone. */
int launcher_ask_start(int launcher, int channel, bool tolerant);
/* Ends the sensor process, whatever it is doing. */
int launcher_ask_kill(int launcher);

enum launcher_news_kind { LAUNCHER_NOTHING, LAUNCHER_STARTED, LAUNCHER_ENDED, LAUNCHER_GONE };
struct launcher_news {
	enum launcher_news_kind kind;
	int pid;
	int status; /* as waitpid() gives it */
};
/* What the launcher has to say; does not wait. */
struct launcher_news launcher_news(int launcher);

#endif
