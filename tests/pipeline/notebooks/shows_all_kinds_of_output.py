# %% [markdown]
# # Shows <script>document.title = "markdown"</script> outputs
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
# %% [markdown]
# ## A picture
# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(8, 3))
axes.plot(range(300), [n % 17 for n in range(300)])
axes.set_title(ticker)
# %% [markdown]
# ## A table
# %%
import pandas as pd

pd.DataFrame({"headline": ['<script>document.title = "table"</script>'], "n": [1.5]})
# %% [markdown]
# ### What it prints
# %%
print('<script>document.title = "stdout"</script>')
# %%
from tqdm import tqdm

for _ in tqdm(range(3), desc="steps", mininterval=0):
    pass
# %%
from IPython.display import HTML, Markdown, display

display(Markdown('<img src="https://example.com/markdown.png">'))
display(HTML('<script src="https://example.com/a.js">document.title = "html"</script>'))
display(HTML('<img src="https://example.com/b.png" onerror="document.title = 1"><b>bold</b>'))
