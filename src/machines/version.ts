/**
 * Of the machines, as it is kept with what they have done. Rises with every change of theirs after which a journal that
 * was written before would be replayed differently.
 */
export const machineVersion = '2';
