/* Eight bytes at a time: does a word hold a byte that a text parser must stop at?
 * Used by json_string and sse to cross long runs that nobody wants. Finds no positions: the caller's byte loop does. */
#ifndef SHADOWTAP_BYTE_SCAN_H
#define SHADOWTAP_BYTE_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BYTE_SCAN_ONES 0x0101010101010101ull
#define BYTE_SCAN_HIGHS 0x8080808080808080ull

static inline uint64_t byte_scan_load(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

/* Non-zero if a byte of the word is below n (n <= 128). */
static inline uint64_t byte_scan_below(uint64_t word, uint8_t n)
{
	return (word - BYTE_SCAN_ONES * n) & ~word & BYTE_SCAN_HIGHS;
}

/* Non-zero if a byte of the word is c. */
static inline uint64_t byte_scan_is(uint64_t word, uint8_t c)
{
	return byte_scan_below(word ^ (BYTE_SCAN_ONES * c), 1);
}

#endif
