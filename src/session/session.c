#include "session/session.h"

#include <string.h>

#include "base/wipe.h"

enum err session_init(struct session *session, const struct aead_backend *backend,
					  enum aead_algorithm algorithm, const uint8_t send[static AEAD_KEY_SIZE],
					  const uint8_t receive[static AEAD_KEY_SIZE], uint32_t local_index,
					  uint32_t remote_index, bool initiator, uint64_t now) {
	memset(session, 0, sizeof *session);
	enum err error = aead_key_init(&session->send, backend, algorithm, send)
						 ?: aead_key_init(&session->receive, backend, algorithm, receive);
	if (error) {
		session_done(session);
		return error;
	}
	replay_init(&session->replay);
	session->local_index = local_index;
	session->remote_index = remote_index;
	session->initiator = initiator;
	session->born = now;
	return ERR_OK;
}

void session_done(struct session *session) {
	if (!session)
		return;
	aead_key_done(&session->send);
	aead_key_done(&session->receive);
	wipe(session, sizeof *session);
}

uint64_t session_age(const struct session *session, uint64_t now) {
	return now > session->born ? now - session->born : 0;
}
