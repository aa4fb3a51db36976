#include "proto/mighty_admission.h"

#include <string.h>

#include "base/clock.h"

/* Who has a cookie can be played again as long as it is good: so long it is remembered. */
_Static_assert(SEEN_WINDOW *CLOCK_MILLISECOND >= 2 * SOURCE_COOKIE_SECRET_AGE,
			   "handshakes are forgotten before their cookies");
_Static_assert(SOURCE_COOKIE_SIZE == (int)MIGHTY_COOKIE_SIZE, "sizes of cookies");
_Static_assert(TIME_ORDER_ID_SIZE == (int)MIGHTY_PSK_ID_SIZE &&
				   TIME_ORDER_ID_SIZE == (int)MIGHTY_INSTANCE_SIZE,
			   "sizes of ids");

const char *mighty_verdict_text(enum mighty_verdict verdict) {
	static const char *const texts[] = {
#define MIGHTY_VERDICT_TEXT(name, text) [name] = text,
		MIGHTY_VERDICT_MAP(MIGHTY_VERDICT_TEXT)
#undef MIGHTY_VERDICT_TEXT
	};
	return (size_t)verdict < MIGHTY_VERDICTS ? texts[verdict] : "unknown";
}

static bool has_good_cookie(const struct mighty_admission *admission,
							const struct mighty_admission_input *input,
							const struct mighty_client_hello *hello) {
	uint8_t content[MIGHTY_COOKIE_CONTENT_SIZE];
	mighty_cookie_content(hello, content);
	return hello->has_cookie &&
		   source_cookie_check(admission->cookies, input->now, input->from,
							   slice_of(content, sizeof content), hello->cookie);
}

/* The client has no clock to speak of, or may not: it is enough that this hello never came. */
static enum err take_unseen(const struct mighty_admission *admission, uint64_t now,
							const struct mighty_client_hello *hello) {
	struct seen_entry entry = {.timestamp = now / CLOCK_MILLISECOND};
	memcpy(entry.client, hello->psk_id, sizeof hello->psk_id);
	memcpy(entry.random, hello->random, sizeof entry.random);
	return seen_take(admission->seen, &entry, entry.timestamp);
}

static enum err take_in_order(const struct mighty_admission *admission, uint64_t wall_now,
							  const struct mighty_client_hello *hello) {
	struct time_order_entry entry = {.time = hello->time};
	memcpy(entry.group, hello->psk_id, sizeof entry.group);
	memcpy(entry.sender, hello->instance, sizeof entry.sender);
	return time_order_take(admission->order, &entry, wall_now);
}

static enum err answer_cookie(const struct mighty_admission *admission,
							  const struct mighty_admission_input *input,
							  const struct mighty_admitted *admitted,
							  uint8_t out_answer[static MIGHTY_COOKIE_ANSWER_SIZE]) {
	uint8_t content[MIGHTY_COOKIE_CONTENT_SIZE], cookie[MIGHTY_COOKIE_SIZE];
	mighty_cookie_content(&admitted->hello, content);
	return source_cookie_make(admission->cookies, admission->random, input->now, input->from,
							  slice_of(content, sizeof content), cookie)
			   ?: mighty_answer_cookie(admitted->psk, &admitted->hello, cookie, out_answer);
}

enum mighty_verdict mighty_admission_judge(const struct mighty_admission *admission,
										   const struct mighty_admission_input *input,
										   struct mighty_admitted *out_admitted,
										   uint8_t out_answer[static MIGHTY_COOKIE_ANSWER_SIZE]) {
	struct mighty_admitted admitted;
	if (mighty_decode_client_hello(input->data, input->size, &admitted.hello))
		return MIGHTY_UNREADABLE;
	admitted.psk = admission->find(admission->context, admitted.hello.psk_id);
	if (!admitted.psk)
		return MIGHTY_UNKNOWN;
	if (mighty_accept(admitted.psk, &admitted.hello))
		return MIGHTY_FORGED;
	const enum err error = has_good_cookie(admission, input, &admitted.hello)
							   ? take_unseen(admission, input->now, &admitted.hello)
							   : take_in_order(admission, input->wall_now, &admitted.hello);
	switch (error) {
	case ERR_OK:
		*out_admitted = admitted;
		return MIGHTY_ADMITTED;
	case ERR_EXPIRED:
		return answer_cookie(admission, input, &admitted, out_answer) ? MIGHTY_FAILED
																	  : MIGHTY_COOKIE;
	case ERR_REPLAY:
		return MIGHTY_REPLAYED;
	case ERR_LIMIT:
		return MIGHTY_TOO_MANY;
	default:
		return MIGHTY_FAILED;
	}
}
