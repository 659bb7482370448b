/* One function per format (format_*.c), and alert_format's table of them. Included by alert.c and the formats alone. */
#ifndef SHADOWTAP_ALERT_FORMATS_H
#define SHADOWTAP_ALERT_FORMATS_H

#include "alert.h"
#include "alert_line.h"
#include "alert_tree.h"

/* Appended to an empty line; what fails is remembered there. */
void format_text(const struct alert *a, struct line *l);
void format_cef(const struct alert *a, const struct alert_sender *who, struct line *l);

/* Members are put into an empty object. */
void format_json(const struct alert *a, struct tree *t);
void format_eve(const struct alert *a, struct tree *t);
void format_zeek(const struct alert *a, struct tree *t);
void format_ecs(const struct alert *a, const struct alert_sender *who, struct tree *t);
void format_ocsf(const struct alert *a, const struct alert_sender *who, struct tree *t);

#endif
