/* base/number.h -- doubles as text, independent of the locale. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#define NUMBER_TEXT_BYTES 64u

/* The fewest digits that read back to the same double, in the form of Java's Double.toString:
 * "0.5", "100.0", "1.0E-5", "NaN", "Infinity", "-Infinity". Returns buffer. */
char *number_text(double value, char buffer[NUMBER_TEXT_BYTES]);

/* Read a decimal or exponent number, "NaN", or "[+-]Inf[inity]"; the whole of the text must match
 * and nothing else is taken (no hexadecimal, no spaces). Too large becomes an infinity. */
bool number_parse(const char *text, size_t n_bytes, double *out);

#endif
