import{P,b as y,ba as d,h as a,ka as R,la as f,o as m,p as C,q as $,r as S,s as w,t as O,x as p,y as x,ya as t,z as M}from"./chunk-QADB3CLO.js";function F(e){return e.period!=="custom"?t(e.period):d(e.from,e.to)}function X({state:e,go:n}){return a`<${f} kind="dates-menu" icon="calendar" label=${F(e)} title=${t("period")}>${r=>a`
    <div role="menu" aria-label=${t("period")}>
      ${w.map((o,i)=>a`${(i===2||i===5)&&a`<div class="sep"></div>`}
        <button key=${o.name} data-close class="item" role="menuitemradio" aria-checked=${e.period===o.name}
          onClick=${()=>n({period:o.name,unit:""})}>${t(o.name)}<kbd class="kbd">${o.key}</kbd></button>`)}
    </div>
    <div class="sep"></div>
    <${D} title=${t("otherDays")} isChosen=${e.period==="custom"} range=${p(e)} close=${r}
      choose=${(o,i)=>n({period:"custom",from:o,to:i,unit:""})} />`}
  <//>`}function N(e,n,r){return!e||!n?t("rangeMissing"):n<e?t("rangeReversed"):n>r?t("rangeFuture",{day:d(r,r)}):S(e,n)>m?t("rangeLong",{n:P(m)}):""}function D({title:e,isChosen:n,range:r,close:o,choose:i}){let[s,l]=y(""),b=C(),A=c=>{c.preventDefault();let u=new FormData(c.target),[g,h]=[String(u.get("from")),String(u.get("to"))],k=N(g,h,b);l(k),!k&&(i(g,h),o())},v=(c,u)=>a`<label>${t(c)}<input type="date"
    name=${c} max=${b} defaultValue=${u} aria-invalid=${s!==""} /></label>`;return a`<form class="dates" aria-label=${e} novalidate onSubmit=${A}>
    <div class=${"dates-title"+(n?" on":"")}>${e}</div>
    ${v("from",r[0])}${v("to",r[1])}
    <div class="dates-problem" role="alert">${s}</div>
    <button class="primary">${t("apply")}</button>
  </form>`}var T=[{value:"previous",word:"comparePrevious"},{value:"year",word:"compareYear"},{value:"none",word:"compareNone"}];function Y(e){let[n,r]=p(e);return[$(n,-364),$(r,-364)]}function _({state:e,go:n}){let r=e.compare!=="none",o=O(e.compare);return a`<${f} kind="compare-menu" icon="chart" button=${"btn"+(r?" on":"")} title=${t("compare")+" (C)"}
    label=${a`<span class="short">${t("compare")}</span>`}>${i=>a`
    <div role="menu" aria-label=${t("compare")}>
      ${T.map(({value:s,word:l})=>a`<button key=${s} data-close class="item" role="menuitemradio"
        aria-checked=${e.compare===s}
        onClick=${()=>n({compare:s})}>${t(l)}</button>`)}
    </div>
    <div class="sep"></div>
    <${D} title=${t("compareCustom")} isChosen=${o!==null} range=${o??Y(e)}
      close=${i}
      choose=${(s,l)=>n({compare:`${s}..${l}`})} />`}
  <//>`}function q({state:e,go:n}){let r=x(e);return r.length<2?null:a`<span class="seg" role="group" aria-label=${t("interval")}>
    ${r.map(o=>a`<button key=${o} aria-pressed=${M(e)===o} onClick=${()=>n({unit:o})}>
      ${t(o+"Unit")}</button>`)}
  </span>`}function z({state:e,go:n}){let r=e.view==="table",o=t(r?"asChart":"asTable");return a`<button class="iconbtn" aria-label=${o} title=${o} aria-pressed=${r}
    onClick=${()=>n({view:r?"chart":"table"},!0)}><${R} name=${r?"chart":"table"} />
      </button>`}export{F as a,X as b,_ as c,q as d,z as e};
