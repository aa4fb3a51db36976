#pragma once

struct channel_message;
struct control;

/* Who logs in: users, and what net tells of their sessions. */

/* Any message of net; those of logins are taken up. */
void control_logins_hear(struct control *control, const struct channel_message *message);
