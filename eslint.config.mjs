import tseslint from 'typescript-eslint';

/**
 * The rooms of docs/design.md and what each may import. An arrow that is missing here is an error:
 * run -> trainer -> {methods, data, export, report} -> graph -> layers -> backend -> files;
 * models -> layers.
 */
const mayImport = {
  files: [],
  backend: ['files'],
  layers: ['backend', 'files'],
  graph: ['layers', 'backend', 'files'],
  models: ['layers', 'backend', 'files'],
  methods: ['graph', 'layers', 'backend', 'files'],
  data: ['graph', 'layers', 'backend', 'files'],
  export: ['graph', 'layers', 'backend', 'files'],
  report: ['graph', 'layers', 'backend', 'files'],
  trainer: ['methods', 'data', 'export', 'report', 'graph', 'layers', 'backend', 'files'],
};

const rooms = Object.keys(mayImport);

const arrows = rooms.map((room) => ({
  files: [`${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: rooms
              .filter((other) => other !== room && !mayImport[room].includes(other))
              .flatMap((other) => [`**/${other}`, `**/${other}/**`])
              .concat(['**/run', '**/config', '../index', '../../index']),
            message: `${room}/ may import only ${mayImport[room].join(', ') || 'itself'}.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist', 'runs', '.native', 'coverage', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      complexity: ['error', 10],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off', // indexes that are in range by construction
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Randomness is a function of the seed: backend/random.ts.',
        },
      ],
    },
  },
  ...arrows,
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      complexity: 'off',
    },
  },
);
