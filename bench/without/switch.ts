/**
 * Of a server that is measured with a part and without it, in turns: two processes differ by more than
 * such a part takes. Off from the first SIGUSR2 on until the next one, at the latest for whoever asks
 * when a request was answered that was sent behind the signal.
 */
let isOff = false;

process.on('SIGUSR2', () => {
  isOff = !isOff;
});

export function isLeftOut(): boolean {
  return isOff;
}
