"""The paper's studies: which trainings they take, what these cost, what their results say."""
