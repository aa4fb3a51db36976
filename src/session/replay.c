#include "session/replay.h"

#include <string.h>

/*
 * Counter c is bit c mod 64 of the ring's word (c / 64) mod REPLAY_WORDS. The ring holds the word
 * of the highest accepted counter and all REPLAY_WORDS - 1 words below it. The window is one word
 * less than the ring, so that every counter inside it still has its own word, wherever in its word
 * the highest counter stands.
 */

static uint64_t ring_index(uint64_t counter) {
	return counter / REPLAY_WORD_BITS % REPLAY_WORDS;
}

static uint64_t bit_of(uint64_t counter) {
	return UINT64_C(1) << counter % REPLAY_WORD_BITS;
}

/* Makes counter the highest. The words that come into the ring hold bits of the lap before. */
static void slide_to(struct replay *replay, uint64_t counter) {
	/* The first word that begins at or above next: rounded up without overflow near 2^64. */
	uint64_t word = replay->next / REPLAY_WORD_BITS + (replay->next % REPLAY_WORD_BITS != 0);
	uint64_t end = counter / REPLAY_WORD_BITS + 1;
	if (end > word + REPLAY_WORDS) /* a jump beyond the ring: clear each word once */
		word = end - REPLAY_WORDS;
	for (; word < end; word++)
		replay->words[word % REPLAY_WORDS] = 0;
	replay->next = counter + 1;
}

void replay_init(struct replay *replay) {
	memset(replay, 0, sizeof *replay);
}

enum err replay_check(const struct replay *replay, uint64_t counter, uint64_t limit) {
	if (counter >= limit)
		return ERR_REPLAY;
	if (counter >= replay->next)
		return ERR_OK;
	uint64_t highest = replay->next - 1;
	if (highest - counter > REPLAY_WINDOW)
		return ERR_REPLAY;
	return replay->words[ring_index(counter)] & bit_of(counter) ? ERR_REPLAY : ERR_OK;
}

enum err replay_accept(struct replay *replay, uint64_t counter, uint64_t limit) {
	enum err error = replay_check(replay, counter, limit);
	if (error)
		return error;
	if (counter >= replay->next)
		slide_to(replay, counter);
	replay->words[ring_index(counter)] |= bit_of(counter);
	return ERR_OK;
}
