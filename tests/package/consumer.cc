#include "consumer.c" // the headers must work for both languages
